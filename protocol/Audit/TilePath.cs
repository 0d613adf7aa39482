// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;
using System.Text;

namespace FedCloud.Protocol.Audit;

/// <summary>The number of a tile as path elements of three digits, all but the last with an "x" in front (C2SP tlog-tiles, "Merkle Tree").</summary>
internal static class TilePath
{
    // Seven groups hold every 63-bit number.
    private const int MaxGroups = 7;

    public static string Encode(long index, int width)
    {
        StringBuilder path = new((index % 1000).ToString("D3", CultureInfo.InvariantCulture));
        for (long rest = index / 1000; rest > 0; rest /= 1000)
        {
            path.Insert(0, string.Create(CultureInfo.InvariantCulture, $"x{rest % 1000:D3}/"));
        }

        return width == HashTile.FullWidth ? path.ToString() : path.Append(CultureInfo.InvariantCulture, $".p/{width}").ToString();
    }

    /// <summary>Reads a number and a width. Only what <see cref="Encode"/> writes is taken.</summary>
    public static bool TryDecode(string path, out long index, out int width)
    {
        index = 0;
        width = HashTile.FullWidth;
        string digits = path;
        int partial = path.IndexOf(".p/", StringComparison.Ordinal);
        if (partial >= 0)
        {
            digits = path[..partial];
            if (!int.TryParse(path.AsSpan(partial + 3), NumberStyles.None, CultureInfo.InvariantCulture, out width) || width is < 1 or >= HashTile.FullWidth)
            {
                return false;
            }
        }

        return TryReadGroups(digits, out index) && string.Equals(Encode(index, width), path, StringComparison.Ordinal);
    }

    private static bool TryReadGroups(string digits, out long index)
    {
        index = 0;
        string[] groups = digits.Split('/');
        if (groups.Length > MaxGroups)
        {
            return false;
        }

        Int128 value = 0;
        foreach (string group in groups)
        {
            if (!int.TryParse(group.StartsWith('x') ? group.AsSpan(1) : group, NumberStyles.None, CultureInfo.InvariantCulture, out int part))
            {
                return false;
            }

            value = (value * 1000) + part;
        }

        index = value <= long.MaxValue ? (long)value : 0;
        return value <= long.MaxValue;
    }
}
