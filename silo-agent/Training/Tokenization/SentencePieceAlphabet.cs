// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;
using System.Text;
using System.Text.Unicode;

namespace FedCloud.Training.Tokenization;

/// <summary>BPE as SentencePiece has it (Kudo and Richardson 2018): a space is U+2581, a token's letters are characters, and a character that the vocabulary lacks is its UTF-8 bytes, <c>&lt;0x00&gt;</c> to <c>&lt;0xFF&gt;</c>.</summary>
/// <remarks>
/// These tokenizers do not split text into words: all of it is one. A merge never crosses a place before U+2581 where no
/// token holds the character before it followed by U+2581, so the text is cut there, which changes no token.
/// </remarks>
internal sealed class SentencePieceAlphabet : ITokenAlphabet
{
    /// <summary>What stands for a space.</summary>
    public const char Space = '\u2581';

    private readonly SentencePieceForm _form;
    private readonly HashSet<int> _beforeSpace;
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _letters;
    private readonly int[] _bytes;

    /// <summary>Prepares the alphabet.</summary>
    /// <param name="model">The vocabulary.</param>
    /// <param name="form">What the file says about spaces.</param>
    public SentencePieceAlphabet(TokenizerModel model, SentencePieceForm form)
    {
        _form = form;
        _letters = model.Vocabulary.GetAlternateLookup<ReadOnlySpan<char>>();
        _beforeSpace = form.SplitsBeforeSpaces ? [] : [.. model.Merges.SelectMany(merge => BeforeSpaces(merge.Left + merge.Right))];
        _bytes = [.. Enumerable.Range(0, 256).Select(b => Byte(model, b))];
    }

    /// <inheritdoc/>
    public ReadOnlySpan<char> Normalize(ReadOnlySpan<char> text, PiecePlace place)
    {
        bool prepends = _form.PrependsToPieces && place != PiecePlace.Inside && !text.IsEmpty;
        return _form.NormalizesSpaces ? WithSpaces(text, prepends) : text;
    }

    /// <inheritdoc/>
    public ReadOnlySpan<char> Prepare(ReadOnlySpan<char> run, PiecePlace place)
    {
        bool prepends = _form.Prefix switch
        {
            SpacePrefix.Always => place != PiecePlace.Inside,
            SpacePrefix.First => place == PiecePlace.Start,
            _ => false,
        };
        return _form.NormalizesSpaces ? run : WithSpaces(run, prepends && run[0] is not (Space or ' '));
    }

    /// <inheritdoc/>
    public int FirstWord(ReadOnlySpan<char> text)
    {
        for (int at = 1; at < text.Length; at++)
        {
            int next = text[at..].IndexOf(Space);
            if (next < 0)
            {
                break;
            }

            at += next;
            Rune.DecodeLastFromUtf16(text[..at], out Rune before, out _);
            if (!_beforeSpace.Contains(before.Value))
            {
                return at;
            }
        }

        return text.Length;
    }

    /// <inheritdoc/>
    public int Symbols(ReadOnlySpan<char> word, ref int[] ids)
    {
        int most = Encoding.UTF8.GetByteCount(word);
        if (ids.Length < most)
        {
            ids = new int[most];
        }

        Span<byte> bytes = stackalloc byte[4];
        int count = 0;
        for (int at = 0, units; at < word.Length; at += units)
        {
            Rune.DecodeFromUtf16(word[at..], out Rune rune, out units);
            if (_letters.TryGetValue(word.Slice(at, units), out int id))
            {
                ids[count++] = id;
                continue;
            }

            foreach (byte b in bytes[..rune.EncodeToUtf8(bytes)])
            {
                ids[count++] = _bytes[b];
            }
        }

        return count;
    }

    /// <inheritdoc/>
    public int? Whole(ReadOnlySpan<char> word) => null;

    /// <summary>A run of byte tokens that is no UTF-8 becomes one U+FFFD for each of them.</summary>
    public string Decode(IEnumerable<string> tokens)
    {
        StringBuilder text = new();
        List<byte> run = [];
        foreach (string token in tokens.Select(token => token.Replace(Space, ' ')))
        {
            if (ByteOf(token) is { } b)
            {
                run.Add(b);
                continue;
            }

            Flush(run, text);
            text.Append(token);
        }

        Flush(run, text);
        int strip = 0;
        while (strip < Math.Min(_form.StrippedSpaces, text.Length) && text[strip] == ' ')
        {
            strip++;
        }

        return text.ToString(strip, text.Length - strip);
    }

    private static string WithSpaces(ReadOnlySpan<char> text, bool prepends) =>
        string.Create(text.Length + (prepends ? 1 : 0), text, (letters, source) =>
        {
            letters[0] = letters.Length > source.Length ? Space : source[0];
            source.Replace(letters[(letters.Length - source.Length)..], ' ', Space);
        });

    private static void Flush(List<byte> run, StringBuilder text)
    {
        byte[] bytes = [.. run];
        text.Append(Utf8.IsValid(bytes) ? Encoding.UTF8.GetString(bytes) : new string('\ufffd', bytes.Length));
        run.Clear();
    }

    private static byte? ByteOf(string token) =>
        token is ['<', '0', 'x', _, _, '>'] && byte.TryParse(token.AsSpan(3, 2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out byte b) ? b : null;

    private static int Byte(TokenizerModel model, int b) =>
        model.FallsBackToBytes && model.Vocabulary.TryGetValue($"<0x{b:X2}>", out int id) ? id : throw TokenizerJson.Refused($"model.vocab has no token for the byte 0x{b:X2}, or byte_fallback is off");

    private static IEnumerable<int> BeforeSpaces(string token)
    {
        int before = -1;
        foreach (Rune rune in token.EnumerateRunes())
        {
            if (rune.Value == Space && before >= 0)
            {
                yield return before;
            }

            before = rune.Value;
        }
    }
}
