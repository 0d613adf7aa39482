// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Safetensors;

namespace FedCloud.Protocol.Adapters;

/// <summary>Writes a model version as PEFT saves an adapter: a folder with configuration and tensors that appears whole or not at all.</summary>
public static class PeftFolder
{
    /// <summary>Writes the folder; one that an earlier export made is replaced.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="version">The version; the server optimizer's state is left out.</param>
    /// <param name="config">The plan of its run.</param>
    /// <exception cref="FedCloudException"><c>folder_not_empty</c>: it holds files that no export makes, and is left alone; or <c>disk_full</c>.</exception>
    public static void Write(string folder, SafetensorsFile version, RunConfig config)
    {
        ArgumentNullException.ThrowIfNull(version);
        ArgumentNullException.ThrowIfNull(config);
        string place = Path.GetFullPath(folder).TrimEnd(Path.DirectorySeparatorChar);
        string part = place + ".part";
        RequireExport(place);
        RequireExport(part);
        AdapterLayout layout = AdapterLayout.Of(version.Header, config.Lora.Form());
        PeftConfig peft = PeftConfig.Of(config.BaseModel.Hex, layout, config.Lora.TargetModules);
        try
        {
            Remove(part);
            Directory.CreateDirectory(part);
            WriteTensors(Path.Combine(part, PeftAdapter.WeightsFile), version, layout);
            WholeFile.Write(Path.Combine(part, PeftConfig.FileName), peft.ToJson());
            Remove(place);
            Directory.Move(part, place);
        }
        catch (Exception error)
        {
            RemovePart(part);
            if (error is not (IOException or UnauthorizedAccessException))
            {
                throw;
            }

            throw new FedCloudException(ErrorCodes.DiskFull, $"{Path.GetFileName(place)} could not be written: {error.Message}", cause: error);
        }
    }

    private static void WriteTensors(string path, SafetensorsFile version, AdapterLayout layout)
    {
        Dictionary<string, string> metadata = new(StringComparer.Ordinal) { ["format"] = "pt" };
        SafetensorsWriter.WriteFile(path, [.. layout.Tensors.Select(tensor => tensor.Tensor)], metadata, (entry, stream) =>
        {
            byte[] bytes = new byte[entry.ByteLength];
            version.ReadRaw(version.Header.Require(entry.Name, entry.Shape.AsSpan()), 0, bytes);
            stream.Write(bytes);
        });
    }

    private static void RequireExport(string folder)
    {
        string? other = Directory.Exists(folder)
            ? Directory.EnumerateFileSystemEntries(folder).Select(path => Path.GetFileName(path)).FirstOrDefault(name => name is not (PeftConfig.FileName or PeftAdapter.WeightsFile or PeftAdapter.WeightsFile + ".tmp" or PeftConfig.FileName + ".tmp"))
            : File.Exists(folder) ? Path.GetFileName(folder) : null;
        if (other is not null)
        {
            throw new FedCloudException(ErrorCodes.FolderNotEmpty, $"expected no folder {Path.GetFileName(folder)}, or one that an export made, found {other} there");
        }
    }

    private static void RemovePart(string part)
    {
        try
        {
            Remove(part);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // The first error says what happened; the next attempt removes the rest.
        }
    }

    private static void Remove(string folder)
    {
        if (Directory.Exists(folder))
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
