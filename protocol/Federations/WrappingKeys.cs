// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Canonical;

namespace FedCloud.Protocol.Federations;

/// <summary>A version of the key KEK, for which silos wrap the data keys of their uploads.</summary>
/// <param name="Kid">Its full identifier with version.</param>
/// <param name="Spki">The SHA-256 of its public key, DER.</param>
/// <param name="Since">When it was taken into use.</param>
/// <param name="RetiredAt">When it stopped unwrapping; null while it may.</param>
public sealed record WrappingKey(string Kid, Sha256Digest Spki, DateTimeOffset Since, DateTimeOffset? RetiredAt = null);

/// <summary>Which versions of the wrapping key are in use (keys and identity, section 5): the newest, and for the time of grace the one before it.</summary>
public static class WrappingKeys
{
    /// <summary>The time of grace where nothing else is set.</summary>
    public static readonly TimeSpan DefaultGrace = TimeSpan.FromDays(14);

    /// <summary>How long a version is in use where nothing else is set.</summary>
    public static readonly TimeSpan DefaultLife = TimeSpan.FromDays(90);

    /// <summary>The version that silos use; null before the first.</summary>
    public static WrappingKey? Current(ImmutableArray<WrappingKey> versions) => versions is [.., { } newest] ? newest : null;

    /// <summary>The version before it while it unwraps; null for none.</summary>
    public static WrappingKey? Retiring(ImmutableArray<WrappingKey> versions) => versions is [.., { RetiredAt: null } before, _] ? before : null;

    /// <summary>When the grace of the version before the newest is over; null where none is in grace.</summary>
    public static DateTimeOffset? GraceEnds(ImmutableArray<WrappingKey> versions, TimeSpan grace) =>
        Retiring(versions) is null ? null : Current(versions)?.Since + grace;

    /// <summary>Whether a version unwraps: exactly the one that is named, of the two that may be in use.</summary>
    /// <param name="versions">The versions, oldest first.</param>
    /// <param name="kid">The full identifier that an envelope names.</param>
    /// <param name="at">When.</param>
    /// <param name="grace">The time of grace.</param>
    public static bool Unwraps(ImmutableArray<WrappingKey> versions, string kid, DateTimeOffset at, TimeSpan grace) =>
        string.Equals(Current(versions)?.Kid, kid, StringComparison.Ordinal)
        || (string.Equals(Retiring(versions)?.Kid, kid, StringComparison.Ordinal) && at < GraceEnds(versions, grace));
}
