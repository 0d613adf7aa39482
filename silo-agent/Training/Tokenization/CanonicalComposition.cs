// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Buffers;
using System.Runtime.InteropServices;
using System.Text;

namespace FedCloud.Training.Tokenization;

/// <summary>Unicode's normalization form C (UAX #15; The Unicode Standard 16, section 3.11, D108 to D118, and 3.12 for Hangul).</summary>
/// <remarks>.NET's own normalization does nothing where globalization is invariant, as it is in every process here.</remarks>
internal static class CanonicalComposition
{
    private const int SBase = 0xac00;
    private const int LBase = 0x1100;
    private const int VBase = 0x1161;
    private const int TBase = 0x11a7;
    private const int LCount = 19;
    private const int VCount = 21;
    private const int TCount = 28;
    private const int SCount = LCount * VCount * TCount;

    // All below U+0300 is in form C, whatever it stands among.
    private static readonly SearchValues<char> Unaffected = SearchValues.Create([.. Enumerable.Range(0, 0x300).Select(unit => (char)unit)]);

    private static readonly Dictionary<int, int> Classes = [];
    private static readonly Dictionary<int, int[]> Decompositions = [];
    private static readonly Dictionary<(int First, int Second), int> Composites = [];

    static CanonicalComposition()
    {
        ReadOnlySpan<byte> data = Convert.FromBase64String(CanonicalData.Base64);
        int at = 0;
        for (int runs = Number(ref data); runs > 0; runs--)
        {
            at += Number(ref data);
            int length = Number(ref data);
            int rank = Number(ref data);
            for (int end = at + length; at < end; at++)
            {
                Classes[at] = rank;
            }
        }

        at = 0;
        for (int characters = Number(ref data); characters > 0; characters--)
        {
            at += Number(ref data);
            int form = Number(ref data);
            int[] parts = new int[form / 2];
            foreach (ref int part in parts.AsSpan())
            {
                part = Number(ref data);
            }

            Decompositions[at] = parts;
            if (form % 2 == 1)
            {
                Composites[(parts[0], parts[1])] = at;
            }
        }
    }

    /// <summary>The text in form C: itself where no character is affected.</summary>
    /// <param name="text">Valid UTF-16.</param>
    public static ReadOnlySpan<char> Compose(ReadOnlySpan<char> text)
    {
        if (text.IndexOfAnyExcept(Unaffected) < 0)
        {
            return text;
        }

        List<int> points = new(text.Length);
        foreach (Rune rune in text.EnumerateRunes())
        {
            Decompose(rune.Value, points);
        }

        Span<int> all = CollectionsMarshal.AsSpan(points);
        Order(all);
        StringBuilder composed = new(text.Length);
        foreach (int point in all[..Recompose(all)])
        {
            composed.Append(new Rune(point));
        }

        return composed.ToString();
    }

    private static int Number(ref ReadOnlySpan<byte> data)
    {
        int value = 0;
        int shift = 0;
        int read = 0;
        do
        {
            value |= (data[read] & 0x7f) << shift;
            shift += 7;
        }
        while ((data[read++] & 0x80) != 0);

        data = data[read..];
        return value;
    }

    private static void Decompose(int point, List<int> points)
    {
        int syllable = point - SBase;
        if (syllable is >= 0 and < SCount)
        {
            points.Add(LBase + (syllable / (VCount * TCount)));
            points.Add(VBase + (syllable % (VCount * TCount) / TCount));
            if (syllable % TCount > 0)
            {
                points.Add(TBase + (syllable % TCount));
            }
        }
        else if (Decompositions.TryGetValue(point, out int[]? parts))
        {
            foreach (int part in parts)
            {
                Decompose(part, points);
            }
        }
        else
        {
            points.Add(point);
        }
    }

    // Marks stand in the order of their classes; marks of one class keep theirs (D109).
    private static void Order(Span<int> points)
    {
        for (int at = 0; at < points.Length; at++)
        {
            int start = at;
            while (at < points.Length && Class(points[at]) > 0)
            {
                at++;
            }

            if (at - start > 1)
            {
                points[start..at].ToArray().OrderBy(Class).ToArray().CopyTo(points[start..at]);
            }
        }
    }

    // Each character joins the last starter unless one between them blocks it (D115, D117). Returns how many are left.
    private static int Recompose(Span<int> points)
    {
        int starter = -1;
        int lastClass = 0;
        int left = 0;
        foreach (int point in points)
        {
            int kind = Class(point);
            bool reaches = starter >= 0 && (left == starter + 1 || lastClass < kind);
            if (reaches && Composite(points[starter], point) is { } composite)
            {
                points[starter] = composite;
                continue;
            }

            starter = kind == 0 ? left : starter;
            lastClass = kind;
            points[left++] = point;
        }

        return left;
    }

    private static int? Composite(int first, int second)
    {
        if (first is >= LBase and < LBase + LCount && second is >= VBase and < VBase + VCount)
        {
            return SBase + ((((first - LBase) * VCount) + second - VBase) * TCount);
        }

        bool open = first is >= SBase and < SBase + SCount && (first - SBase) % TCount == 0;
        return open && second is > TBase and < TBase + TCount
            ? first + second - TBase
            : Composites.TryGetValue((first, second), out int composite) ? composite : null;
    }

    private static int Class(int point) => Classes.GetValueOrDefault(point);
}
