// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;
using System.Text;

namespace FedCloud.Training.Tokenization;

/// <summary>What the split patterns tell apart: every character is of exactly one class.</summary>
internal enum CharacterClass : byte
{
    /// <summary>None of the others; also a surrogate without its partner.</summary>
    Other,

    /// <summary><c>\p{L}</c>.</summary>
    Letter,

    /// <summary><c>\p{N}</c>.</summary>
    Number,

    /// <summary><c>\s</c>: Unicode's White_Space, all of it in the basic plane.</summary>
    Space,
}

/// <summary>Reads character classes from UTF-16 text.</summary>
internal static class CharacterClasses
{
    private static readonly CharacterClass[] Ascii = [.. Enumerable.Range(0, 128).Select(character => Of(character))];

    /// <summary>The class of the character that begins at an index.</summary>
    /// <param name="text">The text.</param>
    /// <param name="at">The index.</param>
    /// <param name="units">How many UTF-16 units the character has: 1 or 2.</param>
    public static CharacterClass At(ReadOnlySpan<char> text, int at, out int units)
    {
        char unit = text[at];
        units = 1;
        if (unit < 128)
        {
            return Ascii[unit];
        }

        if (!char.IsSurrogate(unit))
        {
            return Of(unit);
        }

        Rune.DecodeFromUtf16(text[at..], out Rune rune, out units);
        return Of(rune.Value);
    }

    /// <summary>The index after the longest run of one class.</summary>
    public static int EndOfRun(ReadOnlySpan<char> text, int at, CharacterClass kind)
    {
        while (at < text.Length && At(text, at, out int units) == kind)
        {
            at += units;
        }

        return at;
    }

    /// <summary><c>\s+(?!\S)|\s+</c> on a text that begins with white space: before a word, the last space is left to the word.</summary>
    public static int Spaces(ReadOnlySpan<char> text)
    {
        int end = EndOfRun(text, 0, CharacterClass.Space);
        return end == text.Length || end == 1 ? end : end - 1;
    }

    /// <summary><c>\s*[\r\n]+|\s+(?!\S)|\s+</c> on a text that begins with white space: up to the last line break in it, else as <see cref="Spaces"/>.</summary>
    public static int LineBreaks(ReadOnlySpan<char> text)
    {
        int last = text[..EndOfRun(text, 0, CharacterClass.Space)].LastIndexOfAny('\r', '\n');
        return last >= 0 ? last + 1 : Spaces(text);
    }

    private static CharacterClass Of(int character) => CharUnicodeInfo.GetUnicodeCategory(character) switch
    {
        UnicodeCategory.UppercaseLetter or UnicodeCategory.LowercaseLetter or UnicodeCategory.TitlecaseLetter
            or UnicodeCategory.ModifierLetter or UnicodeCategory.OtherLetter => CharacterClass.Letter,
        UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber => CharacterClass.Number,
        _ => character <= char.MaxValue && char.IsWhiteSpace((char)character) ? CharacterClass.Space : CharacterClass.Other,
    };
}
