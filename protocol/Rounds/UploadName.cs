// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;
using FedCloud.Protocol.Canonical;
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
    public static int? Attempt(RunId job, int round, string path) => Attempt(path, attempt => Path(job, round, attempt));

    /// <summary>The path of an epoch's shares (E3); one is enough, since their bytes never change.</summary>
    public static string Shares(Sha256Digest sid) => $"epochs/{sid.Hex}/shares";

    /// <summary>The path of a masked vector (R2).</summary>
    public static string Masked(RunId job, int round, Sha256Digest rid, int attempt) => Path(job, round, rid, 'a', attempt);

    /// <summary>The path of revealed shares (R6).</summary>
    public static string Unmask(RunId job, int round, Sha256Digest rid, int attempt) => Path(job, round, rid, 'u', attempt);

    /// <summary>The attempt that a path names among those that <paramref name="name"/> gives, or null where there is none.</summary>
    public static int? Attempt(string path, Func<int, string> name)
    {
        ArgumentNullException.ThrowIfNull(name);
        for (int attempt = 0; attempt < Attempts; attempt++)
        {
            if (string.Equals(name(attempt), path, StringComparison.Ordinal))
            {
                return attempt;
            }
        }

        return null;
    }

    private static string Path(RunId job, int round, Sha256Digest rid, char kind, int attempt) =>
        attempt is < 0 or >= Attempts
            ? throw new ArgumentOutOfRangeException(nameof(attempt), attempt, "the round offers attempts 0 to 7")
            : string.Create(CultureInfo.InvariantCulture, $"{job.Value}/r{round:D6}/{rid.Hex}/{kind}{attempt}");
}
