// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;
using FedCloud.Protocol.Identity;

namespace FedCloud.Protocol.Rounds;

/// <summary>The blob names that a round offers to a silo. The coordinator makes them; a silo may only create, so each attempt has its own.</summary>
public static class UploadName
{
    /// <summary>How many attempts a round offers.</summary>
    public const int Attempts = 8;

    /// <summary>The container that only this silo may create blobs in.</summary>
    public static string Container(SiloId silo) => "up-" + silo.Value;

    /// <summary>The blob's path in that container.</summary>
    public static string Path(RunId job, int round, int attempt) =>
        attempt is < 0 or >= Attempts
            ? throw new ArgumentOutOfRangeException(nameof(attempt), attempt, "the round offers attempts 0 to 7")
            : string.Create(CultureInfo.InvariantCulture, $"{job.Value}/r{round:D6}/a{attempt}");

    /// <summary>The attempt that a path names, or null where the round offers no such name.</summary>
    public static int? Attempt(RunId job, int round, string path)
    {
        for (int attempt = 0; attempt < Attempts; attempt++)
        {
            if (string.Equals(Path(job, round, attempt), path, StringComparison.Ordinal))
            {
                return attempt;
            }
        }

        return null;
    }
}
