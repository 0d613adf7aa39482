// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Errors;

namespace FedCloud.Cli.Privacy;

/// <summary>A mechanism that the command line can account for: its name and the options that it needs and takes.</summary>
/// <remarks>Reference mechanisms are there for auditors who compare accountants; no plan can ask for them (privacy, sections 3 and 4).</remarks>
internal sealed record NoiseMechanism
{
    public static NoiseMechanism DpSgd { get; } = new() { Name = "dp-sgd", Needs = ["--sampling-rate"], Calibrates = true };

    public static NoiseMechanism Gaussian { get; } = new() { Name = "gaussian", Takes = ["--sampling-rate"], Calibrates = true };

    public static NoiseMechanism DiscreteGaussian { get; } = new() { Name = "discrete-gaussian", Needs = ["--l2", "--coordinates"], Takes = ["--shares", "--sampling-rate"], Calibrates = true, Distributed = true };

    public static NoiseMechanism Skellam { get; } = DiscreteGaussian with { Name = "skellam" };

    public static NoiseMechanism Laplace { get; } = new() { Name = "laplace", Takes = ["--sampling-rate"], Reference = true };

    public static NoiseMechanism GaussianMixture { get; } = new() { Name = "gaussian-mixture", Needs = ["--components"], Reference = true };

    public static NoiseMechanism TruncatedSampling { get; } = new() { Name = "truncated-sampling", Needs = ["--sampling-rate", "--records", "--largest-batch"], Reference = true };

    /// <summary>Every mechanism, those of plans first.</summary>
    public static ImmutableArray<NoiseMechanism> All { get; } = [DpSgd, Gaussian, DiscreteGaussian, Skellam, Laplace, GaussianMixture, TruncatedSampling];

    /// <summary>The name on the command line.</summary>
    public required string Name { get; init; }

    /// <summary>Options without which there is no answer.</summary>
    public ImmutableArray<string> Needs { get; private init; } = [];

    /// <summary>Options that may be given beside them.</summary>
    public ImmutableArray<string> Takes { get; private init; } = [];

    /// <summary>Whether the command line finds the noise for a target epsilon.</summary>
    public bool Calibrates { get; private init; }

    /// <summary>Whether the noise is a sum of shares on the ring (claims B and C).</summary>
    public bool Distributed { get; private init; }

    /// <summary>Whether it is for comparisons only, not for plans.</summary>
    public bool Reference { get; private init; }

    /// <summary>The mechanism of a name.</summary>
    /// <exception cref="FedCloudException">There is none: <c>request_malformed</c>.</exception>
    public static NoiseMechanism Parse(string name, bool calibrates)
    {
        NoiseMechanism[] offered = [.. All.Where(mechanism => mechanism.Calibrates || !calibrates)];
        return offered.FirstOrDefault(mechanism => string.Equals(mechanism.Name, name, StringComparison.Ordinal))
            ?? throw new FedCloudException(ErrorCodes.RequestMalformed, $"expected --mechanism as one of {string.Join(", ", offered.Select(mechanism => mechanism.Name))}, found '{name}'", "choose one of them");
    }

    /// <summary>Refuses an option that the mechanism does not take, and a missing one that it needs.</summary>
    /// <param name="given">The mechanism's options that were given.</param>
    /// <exception cref="FedCloudException"><c>request_malformed</c>.</exception>
    public void Require(ImmutableArray<string> given)
    {
        if (given.FirstOrDefault(option => !Needs.Concat(Takes).Contains(option, StringComparer.Ordinal)) is { } extra)
        {
            throw new FedCloudException(ErrorCodes.RequestMalformed, $"--mechanism {Name} does not take {extra}", $"leave {extra} out, or choose a mechanism that takes it");
        }

        if (Needs.FirstOrDefault(option => !given.Contains(option, StringComparer.Ordinal)) is { } missing)
        {
            throw new FedCloudException(ErrorCodes.RequestMalformed, $"--mechanism {Name} needs {missing}", $"give {missing}; see fedcloud privacy --help");
        }
    }
}
