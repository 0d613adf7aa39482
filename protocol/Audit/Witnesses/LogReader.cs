// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.Audit.Witnesses;

/// <summary>Reads a whole log, bundle after bundle, in memory that does not grow with it.</summary>
public sealed class LogReader
{
    private readonly CompactRange _range = new();
    private Sha256Digest? _firstRoster;

    /// <summary>Takes the next bundle.</summary>
    /// <param name="bundle">Where it lies; bundles come in order, and only the last one may be partial.</param>
    /// <param name="bytes">Its bytes.</param>
    /// <exception cref="FedCloudException"><c>bundle_malformed</c>, or the first entry is malformed.</exception>
    public void Add(BundleCoordinate bundle, ReadOnlySpan<byte> bytes)
    {
        if (bundle.FirstEntry != _range.Size)
        {
            throw new FedCloudException(ErrorCodes.BundleMalformed, $"expected the bundle from entry {_range.Size} on, found {bundle}");
        }

        foreach (byte[] entry in EntryBundle.Read(bytes, bundle.Width))
        {
            if (_range.Size == 0)
            {
                LogEntry first = LogEntry.Parse(entry);
                _firstRoster = string.Equals(first.Type, EntryTypes.Roster, StringComparison.Ordinal) ? first.Subjects["roster"] : null;
            }

            _range.Append(MerkleTree.HashLeaf(entry));
        }
    }

    /// <summary>What the entries so far give.</summary>
    public LogReading Result() => new(_range.Size, _range.Root(), _firstRoster);
}

/// <summary>What the entries of a log give.</summary>
/// <param name="Size">How many they are.</param>
/// <param name="Root">Their root.</param>
/// <param name="FirstRoster">The roster that entry 0 names; null when it is of another type.</param>
public sealed record LogReading(long Size, MerkleHash Root, Sha256Digest? FirstRoster);
