// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Protocol.SecureAggregation;

/// <summary>What a body's members must be, by themselves; each answer is null or what was expected.</summary>
internal static class BodyFault
{
    private const int MaxCodeLength = 64;

    public static bool IsIdx(int idx) => idx is >= 1 and <= Fcsa1.MaxSilos;

    public static string? Idx(int idx) => IsIdx(idx) ? null : "an index from 1 to 255";

    public static string? Code(string code) =>
        code.Length is > 0 and <= MaxCodeLength && code.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c == '_') ? null : "a code in snake_case";

    public static bool IsAscending(IEnumerable<int> indexes)
    {
        int last = 0;
        foreach (int idx in indexes)
        {
            if (idx <= last)
            {
                return false;
            }

            last = idx;
        }

        return true;
    }
}
