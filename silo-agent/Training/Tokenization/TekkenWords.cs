// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;
using System.Text;

namespace FedCloud.Training.Tokenization;

/// <summary>The split of Mistral's byte-level tokenizers (the pattern in Mistral Nemo's <c>tokenizer.json</c>): words begin anew where small letters end, and marks belong to them.</summary>
/// <remarks>The two first alternatives are tried with and without their optional first character, in a regular expression's order. Time is linear in the text.</remarks>
public static class TekkenWords
{
    /// <summary>The expression that the scanner stands for.</summary>
    public const string Pattern = @"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    /// <summary>The length of the first word.</summary>
    /// <param name="text">The text; not empty.</param>
    public static int First(ReadOnlySpan<char> text)
    {
        CharacterClass kind = CharacterClasses.At(text, 0, out int units);
        bool prefix = kind is CharacterClass.Other or CharacterClass.Space && text[0] is not ('\r' or '\n');
        int end = prefix ? Ending(text, units) : 0;
        end = end > 0 ? end : Ending(text, 0);
        end = end > 0 || !prefix ? end : Beginning(text, units);
        end = end > 0 ? end : Beginning(text, 0);
        if (end > 0)
        {
            return end;
        }

        return kind switch
        {
            CharacterClass.Number => units,
            CharacterClass.Other => Signs(text, 0),
            _ when text[0] == ' ' && text.Length > 1 && CharacterClasses.At(text, 1, out _) == CharacterClass.Other => Signs(text, 1),
            _ => CharacterClasses.LineBreaks(text),
        };
    }

    // [Lu Lt Lm Lo M]*[Ll Lm Lo M]+ from an index: the end, or 0 where there is none. The first part gives back what the second needs.
    private static int Ending(ReadOnlySpan<char> text, int start)
    {
        int at = start;
        int last = 0;
        while (at < text.Length && Letters(text, at, out int units) is { Begins: true } letter)
        {
            at += units;
            last = letter.Ends ? at : last;
        }

        return at < text.Length && Letters(text, at, out _).Ends ? EndOfEnding(text, at) : last;
    }

    // [Lu Lt Lm Lo M]+[Ll Lm Lo M]*, where no character of the first part is one of the second.
    private static int Beginning(ReadOnlySpan<char> text, int start)
    {
        int at = start;
        while (at < text.Length && Letters(text, at, out int units).Begins)
        {
            at += units;
        }

        return at > start ? at : 0;
    }

    private static int EndOfEnding(ReadOnlySpan<char> text, int at)
    {
        while (at < text.Length && Letters(text, at, out int units).Ends)
        {
            at += units;
        }

        return at;
    }

    private static int Signs(ReadOnlySpan<char> text, int start)
    {
        int end = CharacterClasses.EndOfRun(text, start, CharacterClass.Other);
        while (end < text.Length && text[end] is '\r' or '\n' or '/')
        {
            end++;
        }

        return end;
    }

    // Whether a character may be of a word's first part, and of its second.
    private static (bool Begins, bool Ends) Letters(ReadOnlySpan<char> text, int at, out int units)
    {
        char unit = text[at];
        units = 1;
        if (unit < 128)
        {
            return (unit is >= 'A' and <= 'Z', unit is >= 'a' and <= 'z');
        }

        if (char.IsSurrogate(unit))
        {
            Rune.DecodeFromUtf16(text[at..], out Rune rune, out units);
            return Letters(rune.Value);
        }

        return Letters(unit);
    }

    private static (bool Begins, bool Ends) Letters(int character) => CharUnicodeInfo.GetUnicodeCategory(character) switch
    {
        UnicodeCategory.UppercaseLetter or UnicodeCategory.TitlecaseLetter => (true, false),
        UnicodeCategory.LowercaseLetter => (false, true),
        UnicodeCategory.ModifierLetter or UnicodeCategory.OtherLetter or UnicodeCategory.NonSpacingMark
            or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark => (true, true),
        _ => (false, false),
    };
}
