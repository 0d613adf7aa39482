// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Buffers.Binary;
using System.Collections.Immutable;
using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.Audit;

/// <summary>Entries one after another, each behind its length as an unsigned 16-bit big-endian number (C2SP tlog-tiles, "Log entries").</summary>
public static class EntryBundle
{
    /// <summary>The largest entry, in bytes.</summary>
    public const int MaxEntryBytes = ushort.MaxValue;

    private const int PrefixBytes = 2;

    /// <summary>Writes entries.</summary>
    /// <exception cref="FedCloudException"><c>entry_too_large</c>: an entry is empty or longer than 65,535 bytes.</exception>
    public static byte[] Write(IReadOnlyCollection<byte[]> entries)
    {
        ArgumentNullException.ThrowIfNull(entries);
        byte[] bundle = new byte[entries.Sum(entry => PrefixBytes + entry.Length)];
        Span<byte> rest = bundle;
        foreach (byte[] entry in entries)
        {
            RequireLength(entry.Length);
            BinaryPrimitives.WriteUInt16BigEndian(rest, (ushort)entry.Length);
            entry.CopyTo(rest[PrefixBytes..]);
            rest = rest[(PrefixBytes + entry.Length)..];
        }

        return bundle;
    }

    /// <summary>Reads a bundle that must hold exactly <paramref name="width"/> entries.</summary>
    /// <exception cref="FedCloudException"><c>bundle_malformed</c>.</exception>
    public static ImmutableArray<byte[]> Read(ReadOnlySpan<byte> bundle, int width)
    {
        ImmutableArray<byte[]> entries = Read(bundle);
        return entries.Length == width
            ? entries
            : throw new FedCloudException(ErrorCodes.BundleMalformed, $"expected {width} entries, found {entries.Length}");
    }

    /// <summary>Reads a bundle of 1 to 256 entries.</summary>
    /// <exception cref="FedCloudException"><c>bundle_malformed</c>.</exception>
    public static ImmutableArray<byte[]> Read(ReadOnlySpan<byte> bundle)
    {
        ImmutableArray<byte[]>.Builder entries = ImmutableArray.CreateBuilder<byte[]>();
        ReadOnlySpan<byte> rest = bundle;
        while (!rest.IsEmpty)
        {
            int length = rest.Length < PrefixBytes ? 0 : BinaryPrimitives.ReadUInt16BigEndian(rest);
            if (length == 0 || rest.Length < PrefixBytes + length || entries.Count == HashTile.FullWidth)
            {
                throw new FedCloudException(ErrorCodes.BundleMalformed, $"after {entries.Count} entries, {rest.Length} bytes are left that are no entry");
            }

            entries.Add(rest.Slice(PrefixBytes, length).ToArray());
            rest = rest[(PrefixBytes + length)..];
        }

        return entries.Count > 0
            ? entries.ToImmutable()
            : throw new FedCloudException(ErrorCodes.BundleMalformed, "expected at least one entry, found none");
    }

    /// <summary>Checks the length of an entry.</summary>
    /// <exception cref="FedCloudException"><c>entry_too_large</c>.</exception>
    internal static void RequireLength(int bytes)
    {
        if (bytes is < 1 or > MaxEntryBytes)
        {
            throw new FedCloudException(ErrorCodes.EntryTooLarge, $"expected 1 to {MaxEntryBytes} bytes, found {bytes}");
        }
    }
}
