// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Security.Cryptography;

namespace FedCloud.Protocol.Tests.Audit;

/// <summary>RFC 6962, sections 2.1 to 2.1.2, as the text defines them: recursive, over all leaves, over plain bytes. The judge of the real code.</summary>
internal static class NaiveTree
{
    public static byte[] Root(byte[][] entries) => entries.Length switch
    {
        0 => SHA256.HashData([]),
        1 => SHA256.HashData([0, .. entries[0]]),
        _ => SHA256.HashData([1, .. Root(entries[..Split(entries.Length)]), .. Root(entries[Split(entries.Length)..])]),
    };

    public static List<byte[]> Path(int index, byte[][] entries)
    {
        if (entries.Length == 1)
        {
            return [];
        }

        int split = Split(entries.Length);
        return index < split
            ? [.. Path(index, entries[..split]), Root(entries[split..])]
            : [.. Path(index - split, entries[split..]), Root(entries[..split])];
    }

    public static List<byte[]> Proof(int first, byte[][] entries) => SubProof(first, entries, complete: true);

    private static List<byte[]> SubProof(int first, byte[][] entries, bool complete)
    {
        if (first == entries.Length)
        {
            return complete ? [] : [Root(entries)];
        }

        int split = Split(entries.Length);
        return first <= split
            ? [.. SubProof(first, entries[..split], complete), Root(entries[split..])]
            : [.. SubProof(first - split, entries[split..], complete: false), Root(entries[..split])];
    }

    private static int Split(int count)
    {
        int power = 1;
        while (power * 2 < count)
        {
            power *= 2;
        }

        return power;
    }
}
