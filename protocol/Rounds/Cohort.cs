// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Identity;

namespace FedCloud.Protocol.Rounds;

/// <summary>Who takes part in a round of plain mode: everyone, or a sample that anyone can recompute.</summary>
/// <remarks>Sampling is McMahan et al. 2017, Algorithm 1. Secure aggregation refuses it, since there the cohort is the epoch's U2.</remarks>
public static class Cohort
{
    /// <summary>The cohort of a round, ascending by roster index.</summary>
    /// <param name="participants">The silos that approved and are members, ascending by index.</param>
    /// <param name="size">The plan's cohort size; 0 means everyone.</param>
    /// <param name="config">The hash of the plan.</param>
    /// <param name="round">The round.</param>
    public static ImmutableArray<SiloId> Select(IEnumerable<SiloId> participants, int size, Sha256Digest config, int round)
    {
        ImmutableArray<SiloId> all = [.. participants];
        if (size == 0 || size >= all.Length)
        {
            return all;
        }

        // The draw: the silos with the smallest SHA-256("fedcloud/cohort/v1/" 00 config_sha256 "/" round "/" silo id).
        return [.. all.OrderBy(silo => Draw(config, round, silo), StringComparer.Ordinal).Take(size).OrderBy(silo => all.IndexOf(silo))];
    }

    private static string Draw(Sha256Digest config, int round, SiloId silo) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.ASCII.GetBytes(
            string.Create(CultureInfo.InvariantCulture, $"fedcloud/cohort/v1/\0{config.Hex}/{round}/{silo.Value}"))));
}
