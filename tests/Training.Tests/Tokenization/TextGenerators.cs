// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text;
using FsCheck;
using FsCheck.Fluent;

namespace FedCloud.Training.Tests.Tokenization;

/// <summary>Awkward texts: pieces that the split patterns tell apart, and any characters at all.</summary>
internal static class TextGenerators
{
    private static readonly string[] Pieces =
    [
        "the", " note", "don't", "'S", "'Ll", "'RE", "'v", "'", "'\u017f", "\u017f", "1", "12", "4567", "٣٤", "½", "𝟗𝟘", " ", "  ", "\t", "\n", "\r\n", "\r", " \n", "\u0085", "\u00a0", "\u2003", "\u2028",
        "\u3000", "\u200b", "\u180e", "\u001c", "\u0000", "Grüße", "e\u0301", "\u0301", "Ω", "医生", "שָׁ", "क्ष", "한국", "𐌰", "𝒳", "🙂", "👩‍⚕️", "\ufe0f", "!", "...", " (", "_", "<|", "\ufffd", "\uffff", "\U0010ffff", "<|endoftext|>",
    ];

    /// <summary>Valid Unicode only.</summary>
    public static Gen<string> Valid { get; } = Gen.Frequency(
        (6, Gen.Elements(Pieces)),
        (1, Scalars(0, 0x2ff)),
        (1, Scalars(0x300, 0xd7ff)),
        (1, Scalars(0xe000, 0xffff)),
        (1, Scalars(0x10000, 0x1ffff)),
        (1, Scalars(0x20000, 0x10ffff))).ListOf().Select(string.Concat);

    /// <summary>Also surrogates without a partner.</summary>
    public static Gen<string> Any { get; } = Gen.Frequency(
        (5, Valid),
        (1, Gen.Choose(0xd800, 0xdfff).Select(unit => ((char)unit).ToString()))).ListOf().Select(string.Concat);

    private static Gen<string> Scalars(int first, int last) => Gen.Choose(first, last).Select(value => new Rune(value).ToString());
}
