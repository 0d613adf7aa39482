// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Training.Tokenization;

/// <summary>GPT-2's split of text into words before merging (Radford et al. 2019, section 2.2), as a scanner in place of the regular expression.</summary>
/// <remarks>Characters beyond the basic plane count as one, which .NET's own expressions do not do. Time is linear in the text.</remarks>
public static class Gpt2Words
{
    /// <summary>The expression that the scanner stands for.</summary>
    public const string Pattern = @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";

    /// <summary>The length of the first word.</summary>
    /// <param name="text">The text; not empty.</param>
    public static int First(ReadOnlySpan<char> text)
    {
        int contraction = Contraction(text);
        if (contraction > 0)
        {
            return contraction;
        }

        int start = text[0] == ' ' && text.Length > 1 ? 1 : 0;
        CharacterClass kind = CharacterClasses.At(text, start, out int units);
        return kind == CharacterClass.Space
            ? CharacterClasses.Spaces(text)
            : CharacterClasses.EndOfRun(text, start + units, kind);
    }

    /// <summary>All words.</summary>
    internal static IEnumerable<string> All(string text)
    {
        for (int at = 0; at < text.Length;)
        {
            int length = First(text.AsSpan(at));
            yield return text.Substring(at, length);
            at += length;
        }
    }

    private static int Contraction(ReadOnlySpan<char> text) => text switch
    {
        ['\'', 's' or 't' or 'm' or 'd', ..] => 2,
        ['\'', 'r' or 'v', 'e', ..] or ['\'', 'l', 'l', ..] => 3,
        _ => 0,
    };
}
