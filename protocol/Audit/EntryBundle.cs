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
    private const int EntriesOfAPart = 64;

    // In base64 with signatures beside, half as long again; a frame has 240 KiB.
    private const int BytesOfAPart = 128 * 1024;

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

    /// <summary>Splits entries into parts that fit a message, in order.</summary>
    /// <param name="entries">The entries.</param>
    /// <param name="length">An entry's bytes.</param>
    /// <typeparam name="T">The entry's form.</typeparam>
    public static IEnumerable<ImmutableArray<T>> Parts<T>(IEnumerable<T> entries, Func<T, int> length)
    {
        ArgumentNullException.ThrowIfNull(entries);
        ArgumentNullException.ThrowIfNull(length);
        List<T> part = [];
        int bytes = 0;
        foreach (T entry in entries)
        {
            if (part.Count == EntriesOfAPart || (part.Count > 0 && bytes + length(entry) > BytesOfAPart))
            {
                yield return [.. part];
                part.Clear();
                bytes = 0;
            }

            part.Add(entry);
            bytes += PrefixBytes + length(entry);
        }

        if (part.Count > 0)
        {
            yield return [.. part];
        }
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
