// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Security.Cryptography;
using FedCloud.Cli.Api;
using FedCloud.Cloud.Api;
using FedCloud.Protocol.Adapters;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Safetensors;

namespace FedCloud.Cli.Models;

/// <summary>Writes a version as PEFT does.</summary>
internal static class PeftExport
{
    /// <summary>Downloads, checks and writes.</summary>
    /// <returns>The SHA-256 of <c>adapter_model.safetensors</c>.</returns>
    public static async Task<string> WriteAsync(CoordinatorClient client, ModelSummary model, RunConfig config, string folder, CancellationToken cancellation)
    {
        Directory.CreateDirectory(folder);
        string versionPath = Path.Combine(folder, "version.safetensors.part");
        string adapterPath = Path.Combine(folder, "adapter_model.safetensors");
        try
        {
            await client.DownloadAsync(model, versionPath, cancellation);
            if (await DigestAsync(versionPath, cancellation) != model.Sha256)
            {
                throw new FedCloudException(ErrorCodes.BaseModelCorrupt, "the downloaded version has another digest than the coordinator lists", "repeat the command");
            }

            using SafetensorsFile version = SafetensorsFile.Open(versionPath, SafetensorsLimits.Foreign);
            TensorEntry[] entries = [.. version.Header.Tensors.Where(tensor => tensor.Name.StartsWith("base_model.", StringComparison.Ordinal))];
            Dictionary<string, string> metadata = new(StringComparer.Ordinal) { ["format"] = "pt" };
            SafetensorsWriter.WriteFile(adapterPath, entries, metadata, (entry, stream) =>
            {
                byte[] bytes = new byte[entry.ByteLength];
                version.ReadRaw(entry, 0, bytes);
                stream.Write(bytes);
            });
        }
        finally
        {
            File.Delete(versionPath);
        }

        PeftConfig peft = PeftConfig.Of(config.BaseModel.Hex, config.Lora.Rank, (double)config.Lora.Alpha, config.Lora.TargetModules);
        WholeFile.Write(Path.Combine(folder, "adapter_config.json"), peft.ToJson());
        return (await DigestAsync(adapterPath, cancellation)).Hex;
    }

    private static async Task<Sha256Digest> DigestAsync(string path, CancellationToken cancellation)
    {
        await using FileStream file = File.OpenRead(path);
        return Sha256Digest.FromBytes(await SHA256.HashDataAsync(file, cancellation));
    }
}
