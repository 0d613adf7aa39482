// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Text.Json;
using System.Text.RegularExpressions;
using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.Safetensors;

/// <summary>Hugging Face's <c>model.safetensors.index.json</c>: which of several files holds which tensor.</summary>
/// <remarks>Read strictly: <c>metadata</c>, which is not used, and <c>weight_map</c>, and no file but <c>model-NNNNN-of-NNNNN.safetensors</c>.</remarks>
public sealed partial class SafetensorsIndex
{
    /// <summary>The index's name.</summary>
    public const string FileName = "model.safetensors.index.json";

    /// <summary>The longest index.</summary>
    public const int MaxBytes = 16 << 20;

    private SafetensorsIndex(ImmutableDictionary<string, string> files)
    {
        FileOf = files;
        Files = [.. files.Values.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];
    }

    /// <summary>The file of each tensor.</summary>
    public ImmutableDictionary<string, string> FileOf { get; }

    /// <summary>The files, sorted.</summary>
    public ImmutableArray<string> Files { get; }

    /// <summary>Whether a file may be named by an index.</summary>
    public static bool IsShard(string name) => ShardName().IsMatch(name);

    /// <summary>Reads an index.</summary>
    /// <exception cref="FedCloudException"><c>weight_index_malformed</c>.</exception>
    public static SafetensorsIndex Parse(ReadOnlyMemory<byte> bytes)
    {
        if (bytes.Length > MaxBytes)
        {
            throw Malformed($"expected at most {MaxBytes} bytes, found {bytes.Length}");
        }

        try
        {
            using JsonDocument document = JsonDocument.Parse(bytes, new JsonDocumentOptions { MaxDepth = 8, AllowDuplicateProperties = false });
            JsonElement root = document.RootElement;
            if (root.EnumerateObject().FirstOrDefault(member => member.Name is not ("metadata" or "weight_map")) is { Value.ValueKind: not JsonValueKind.Undefined })
            {
                throw Malformed("expected metadata and weight_map, found another member");
            }

            ImmutableDictionary<string, string> files = root.GetProperty("weight_map").EnumerateObject().ToImmutableDictionary(entry => entry.Name, entry => entry.Value.GetString() ?? string.Empty, StringComparer.Ordinal);
            return !files.IsEmpty && files.Values.All(IsShard) ? new SafetensorsIndex(files) : throw Malformed("expected files named model-NNNNN-of-NNNNN.safetensors, found none or others");
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or KeyNotFoundException or ArgumentException)
        {
            throw new FedCloudException(ErrorCodes.WeightIndexMalformed, $"{FileName}: expected a JSON object with a weight_map of texts, each once", cause: error);
        }
    }

    /// <summary>What is wrong with an index, or with files that it names.</summary>
    internal static FedCloudException Malformed(string what) => new(ErrorCodes.WeightIndexMalformed, $"{FileName}: {what}");

    [GeneratedRegex(@"\Amodel-[0-9]{5}-of-[0-9]{5}\.safetensors\z", RegexOptions.CultureInvariant)]
    private static partial Regex ShardName();
}
