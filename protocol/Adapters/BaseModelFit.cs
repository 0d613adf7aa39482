// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text.Json;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Plans;

namespace FedCloud.Protocol.Adapters;

/// <summary>Whether a plan can be trained on a base model, as far as its files tell without reading the weights.</summary>
public static class BaseModelFit
{
    /// <summary>The largest <c>config.json</c> that is read, in bytes.</summary>
    public const int MaxConfigurationBytes = 1 << 20;

    // GPT-2 has the second name.
    private static readonly string[] Positions = ["max_position_embeddings", "n_positions"];

    /// <summary>Refuses a plan whose modules, rank or sequence length a base model does not have.</summary>
    /// <param name="plan">The plan.</param>
    /// <param name="baseModelFolder">The base model's folder.</param>
    /// <exception cref="FedCloudException"><c>sequence_too_long</c>, and what <see cref="AdapterLayout.Of(RunConfig, string)"/> throws.</exception>
    public static void Require(RunConfig plan, string baseModelFolder)
    {
        AdapterLayout.Of(plan, baseModelFolder);
        RequirePositions(plan, baseModelFolder);
    }

    /// <summary>Refuses a plan whose sequences are longer than a base model has positions.</summary>
    /// <param name="plan">The plan.</param>
    /// <param name="baseModelFolder">The base model's folder.</param>
    /// <exception cref="FedCloudException"><c>sequence_too_long</c>.</exception>
    public static void RequirePositions(RunConfig plan, string baseModelFolder)
    {
        FileInfo file = new(Path.Combine(baseModelFolder, BaseModelManifest.Configuration));
        if (file is { Exists: true, Length: <= MaxConfigurationBytes })
        {
            RequirePositions(plan, File.ReadAllBytes(file.FullName));
        }
    }

    /// <summary>Refuses a plan whose sequences are longer than a base model has positions. A file that names none is not judged here: the trainer reads all of it, and refuses it by its code.</summary>
    /// <param name="plan">The plan.</param>
    /// <param name="configuration">The bytes of the base model's <c>config.json</c>.</param>
    /// <exception cref="FedCloudException"><c>sequence_too_long</c>.</exception>
    public static void RequirePositions(RunConfig plan, ReadOnlyMemory<byte> configuration)
    {
        ArgumentNullException.ThrowIfNull(plan);
        try
        {
            using JsonDocument json = JsonDocument.Parse(configuration);
            JsonElement root = json.RootElement;
            foreach (string name in root.ValueKind == JsonValueKind.Object ? Positions : [])
            {
                if (root.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out int positions))
                {
                    RequirePositions(plan.Training.SequenceLength, positions);
                }
            }
        }
        catch (JsonException)
        {
            // As above.
        }
    }

    /// <summary>Refuses sequences that are longer than a base model has positions.</summary>
    /// <param name="sequenceLength">The longest sequence, in tokens.</param>
    /// <param name="positions">The base model's positions.</param>
    /// <exception cref="FedCloudException"><c>sequence_too_long</c>.</exception>
    public static void RequirePositions(int sequenceLength, int positions)
    {
        if (sequenceLength > positions)
        {
            throw new FedCloudException(ErrorCodes.SequenceTooLong, $"expected a sequence_length of at most {positions}, the base model's positions, found {sequenceLength}");
        }
    }
}
