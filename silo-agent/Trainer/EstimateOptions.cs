// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Globalization;
using FedCloud.Protocol.Errors;
using FedCloud.Training.Kernels;

namespace FedCloud.Trainer;

/// <summary>What <c>fedcloud-trainer estimate</c> is asked for: a job's folder, or a base model and what to train on it.</summary>
internal sealed record EstimateOptions
{
    private const int DefaultRank = 8;
    private const int DefaultBatch = 4;
    private const int DefaultLength = 256;

    /// <summary>The job's folder; null where a base model is named.</summary>
    public string? Job { get; private init; }

    /// <summary>The base model's folder; empty where a job is named.</summary>
    public string Base { get; private init; } = string.Empty;

    /// <summary>The adapter's rank.</summary>
    public int Rank { get; private init; } = DefaultRank;

    /// <summary>Sequences of a batch.</summary>
    public int Batch { get; private init; } = DefaultBatch;

    /// <summary>The longest sequence, in tokens; null for 256, or as many as the model has positions.</summary>
    public int? Length { get; private init; }

    /// <summary>The storages to estimate; empty for all, or for that of the job.</summary>
    public ImmutableArray<WeightStorage> Storages { get; private init; } = [];

    /// <summary>Whether steps are private.</summary>
    public bool IsPrivate { get; private init; }

    /// <summary>Whether to print JSON.</summary>
    public bool IsJson { get; private init; }

    /// <summary>The length to estimate for a model of so many positions.</summary>
    public int LengthFor(int positions) => Length ?? Math.Min(DefaultLength, positions);

    /// <summary>Reads the arguments; null when they do not make sense.</summary>
    /// <exception cref="FedCloudException"><c>count_invalid</c>: a number is none, or too small.</exception>
    public static EstimateOptions? Parse(string[] arguments)
    {
        EstimateOptions options = new();
        HashSet<string> seen = new(StringComparer.Ordinal);
        for (int i = 0; i < arguments.Length; i++)
        {
            string name = arguments[i];
            string? value = i + 1 < arguments.Length ? arguments[i + 1] : null;
            bool isValue = name is "--base" or "--rank" or "--batch" or "--length" or "--base-weights";
            EstimateOptions? next = isValue ? options.With(name, value) : options.With(name);
            if (next is null || !seen.Add(name.StartsWith('-') ? name : "JOBDIR"))
            {
                return null;
            }

            options = next;
            i += isValue ? 1 : 0;
        }

        // A job says itself what it trains.
        bool isJob = options.Job is not null && !seen.Overlaps(["--base", "--rank", "--batch", "--length", "--private"]);
        return isJob || (options.Job is null && options.Base.Length > 0) ? options : null;
    }

    private EstimateOptions? With(string word) => word switch
    {
        "--private" => this with { IsPrivate = true },
        "--json" => this with { IsJson = true },
        _ => word.StartsWith('-') || word.Length == 0 ? null : this with { Job = word },
    };

    private EstimateOptions? With(string name, string? value)
    {
        if (name is "--base")
        {
            return string.IsNullOrEmpty(value) ? null : this with { Base = value };
        }

        if (name is "--base-weights")
        {
            return WeightStorageExtensions.FromWire(value ?? string.Empty) is { } storage ? this with { Storages = [storage] } : null;
        }

        return value is null ? null : name switch
        {
            "--rank" => this with { Rank = Number(name, value, 1) },
            "--batch" => this with { Batch = Number(name, value, 1) },
            _ => this with { Length = Number(name, value, 2) },
        };
    }

    private static int Number(string name, string value, int least) =>
        int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out int number) && number >= least
            ? number
            : throw new FedCloudException(ErrorCodes.CountInvalid, $"expected {name} as a whole number of at least {least}, found {value}", $"name another {name}");
}
