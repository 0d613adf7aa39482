// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Training.Tokenization;

/// <summary>Llama 3's split of text into words before merging (the pattern in its <c>tokenizer.json</c>, from OpenAI's cl100k), as a scanner in place of the regular expression.</summary>
/// <remarks>As Gpt2Words: one character beyond the basic plane is one. <c>(?i:'s)</c> also takes U+017F, the long s, which folds to s; .NET's own expressions do not.</remarks>
public static class Llama3Words
{
    /// <summary>The expression that the scanner stands for.</summary>
    public const string Pattern = @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    private const int LongestNumber = 3;

    /// <summary>The length of the first word.</summary>
    /// <param name="text">The text; not empty.</param>
    public static int First(ReadOnlySpan<char> text) => First(text, LongestNumber);

    /// <summary>The length of the first word, where a number's words have so many digits at most.</summary>
    internal static int First(ReadOnlySpan<char> text, int longestNumber)
    {
        int contraction = Contraction(text);
        if (contraction > 0)
        {
            return contraction;
        }

        CharacterClass kind = CharacterClasses.At(text, 0, out int units);
        return kind switch
        {
            CharacterClass.Letter => CharacterClasses.EndOfRun(text, units, CharacterClass.Letter),
            CharacterClass.Number => Number(text, longestNumber),
            _ when text[0] is not ('\r' or '\n') && IsAt(text, units, CharacterClass.Letter) => CharacterClasses.EndOfRun(text, units, CharacterClass.Letter),
            CharacterClass.Other => Signs(text, 0),
            _ when text[0] == ' ' && IsAt(text, 1, CharacterClass.Other) => Signs(text, 1),
            _ => CharacterClasses.LineBreaks(text),
        };
    }

    private static bool IsAt(ReadOnlySpan<char> text, int at, CharacterClass kind) =>
        at < text.Length && CharacterClasses.At(text, at, out _) == kind;

    private static int Number(ReadOnlySpan<char> text, int longest)
    {
        int end = 0;
        for (int digits = 0; digits < longest && end < text.Length && CharacterClasses.At(text, end, out int units) == CharacterClass.Number; digits++)
        {
            end += units;
        }

        return end;
    }

    private static int Signs(ReadOnlySpan<char> text, int start)
    {
        int end = CharacterClasses.EndOfRun(text, start, CharacterClass.Other);
        while (end < text.Length && text[end] is '\r' or '\n')
        {
            end++;
        }

        return end;
    }

    private static int Contraction(ReadOnlySpan<char> text) => text switch
    {
        ['\'', 's' or 'S' or '\u017f' or 't' or 'T' or 'm' or 'M' or 'd' or 'D', ..] => 2,
        ['\'', 'r' or 'R' or 'v' or 'V', 'e' or 'E', ..] or ['\'', 'l' or 'L', 'l' or 'L', ..] => 3,
        _ => 0,
    };
}
