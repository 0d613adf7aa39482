// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text;

namespace FedCloud.Training.Tokenization;

/// <summary>Byte-level BPE (Radford et al. 2019, section 2.2): a word is its UTF-8 bytes.</summary>
/// <remarks>Not safe for several threads: the buffers are kept between words.</remarks>
internal sealed class ByteLevelAlphabet : ITokenAlphabet
{
    private const int KeptBytes = 1 << 14;

    private readonly FirstWord _firstWord;
    private readonly bool _composes;
    private readonly int[][] _symbols;
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>>? _wholeWords;
    private byte[] _bytes = [];
    private char[] _letters = [];

    /// <summary>Prepares the alphabet.</summary>
    /// <param name="model">The vocabulary.</param>
    /// <param name="firstWord">How text is split into words.</param>
    /// <param name="composes">Whether text is brought into normalization form C first.</param>
    public ByteLevelAlphabet(TokenizerModel model, FirstWord firstWord, bool composes)
    {
        _firstWord = firstWord;
        _composes = composes;
        _symbols = Symbols(model);
        _wholeWords = model.IgnoresMerges ? model.Vocabulary.GetAlternateLookup<ReadOnlySpan<char>>() : null;
    }

    /// <inheritdoc/>
    public ReadOnlySpan<char> Normalize(ReadOnlySpan<char> text, PiecePlace place) => _composes ? CanonicalComposition.Compose(text) : text;

    /// <inheritdoc/>
    public ReadOnlySpan<char> Prepare(ReadOnlySpan<char> run, PiecePlace place) => run;

    /// <inheritdoc/>
    public int FirstWord(ReadOnlySpan<char> text) => _firstWord(text);

    /// <inheritdoc/>
    public int Symbols(ReadOnlySpan<char> word, ref int[] ids)
    {
        ReadOnlySpan<byte> bytes = Bytes(word);
        int count = 0;
        foreach (byte b in bytes)
        {
            count += _symbols[b].Length;
        }

        if (ids.Length < count)
        {
            ids = new int[count];
        }

        int at = 0;
        foreach (byte b in bytes)
        {
            foreach (int symbol in _symbols[b])
            {
                ids[at++] = symbol;
            }
        }

        Release();
        return count;
    }

    /// <inheritdoc/>
    public int? Whole(ReadOnlySpan<char> word)
    {
        if (_wholeWords is not { } known)
        {
            return null;
        }

        ReadOnlySpan<byte> bytes = Bytes(word);
        for (int i = 0; i < bytes.Length; i++)
        {
            _letters[i] = ByteAlphabet.Letters[bytes[i]];
        }

        int? whole = known.TryGetValue(_letters.AsSpan(0, bytes.Length), out int id) ? id : null;
        Release();
        return whole;
    }

    /// <summary>Bytes that are no UTF-8 become U+FFFD, one for each maximal part (Unicode 16, section 3.9).</summary>
    public string Decode(IEnumerable<string> tokens) => Encoding.UTF8.GetString([.. tokens.SelectMany(ByteAlphabet.ToBytes)]);

    private ReadOnlySpan<byte> Bytes(ReadOnlySpan<char> word)
    {
        int length = Encoding.UTF8.GetByteCount(word);
        if (_bytes.Length < length)
        {
            (_bytes, _letters) = (new byte[length], new char[length]);
        }

        Encoding.UTF8.GetBytes(word, _bytes);
        return _bytes.AsSpan(0, length);
    }

    private void Release()
    {
        if (_bytes.Length > KeptBytes)
        {
            (_bytes, _letters) = ([], []);
        }
    }

    // The tokens of each byte: its letter, or with byte fallback those of the letter's own UTF-8 bytes, as the reference has it.
    private static int[][] Symbols(TokenizerModel model)
    {
        int[][] symbols = new int[256][];
        for (int b = 0; b < symbols.Length; b++)
        {
            string letter = ByteAlphabet.Letters[b].ToString();
            symbols[b] = model.Vocabulary.TryGetValue(letter, out int id) ? [id] : model.FallsBackToBytes ? Fallback(model, letter) : [];
            if (symbols[b].Length == 0)
            {
                throw TokenizerJson.Refused($"model.vocab has no token for the byte 0x{b:X2}");
            }
        }

        return symbols;
    }

    private static int[] Fallback(TokenizerModel model, string letter)
    {
        string[] tokens = [.. Encoding.UTF8.GetBytes(letter).Select(b => $"<0x{b:X2}>")];
        return tokens.All(model.Vocabulary.ContainsKey) ? [.. tokens.Select(token => model.Vocabulary[token])] : [];
    }
}
