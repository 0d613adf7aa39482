// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Training.Tokenization;

/// <summary>The tokens of a text, found one after the other: <c>foreach (int id in tokenizer.EnumerateTokens(text))</c>.</summary>
/// <remarks>
/// Added tokens are found in two rounds, as the reference does: first those taken from the text as it came, whatever
/// surrounds them; then, in the normalized pieces between, the others. The runs of text that are left are split into words.
/// </remarks>
public ref struct TokenEnumerator
{
    private const int None = -1;

    private readonly ByteLevelBpe _tokenizer;
    private ReadOnlySpan<char> _text; // not looked at yet
    private ReadOnlySpan<char> _piece; // normalized
    private ReadOnlySpan<char> _run; // holds no added token
    private ReadOnlySpan<int> _word; // tokens of the word before the run
    private int _afterPiece = None;
    private int _afterRun = None;

    internal TokenEnumerator(ByteLevelBpe tokenizer, ReadOnlySpan<char> text)
    {
        _tokenizer = tokenizer;
        _text = text;
    }

    /// <summary>The token.</summary>
    public int Current { get; private set; }

    /// <summary>The enumerator itself.</summary>
    public readonly TokenEnumerator GetEnumerator() => this;

    /// <summary>Goes to the next token.</summary>
    public bool MoveNext()
    {
        while (_word.IsEmpty)
        {
            if (!_run.IsEmpty)
            {
                _word = _tokenizer.TakeWord(ref _run);
            }
            else if (Take(ref _afterRun) || (_piece.IsEmpty && Take(ref _afterPiece)))
            {
                return true;
            }
            else if (!_piece.IsEmpty)
            {
                int start = _tokenizer.FindNormalized(_piece, out int length, out int id);
                _run = Cut(ref _piece, start, length);
                _afterRun = start < 0 ? None : id;
            }
            else if (!_text.IsEmpty)
            {
                int start = _tokenizer.FindVerbatim(_text, out int length, out int id);
                _piece = _tokenizer.Normalized(Cut(ref _text, start, length));
                _afterPiece = start < 0 ? None : id;
            }
            else
            {
                return false;
            }
        }

        Current = _word[0];
        _word = _word[1..];
        return true;
    }

    // What is before the found token, or all; both are taken off the text.
    private static ReadOnlySpan<char> Cut(scoped ref ReadOnlySpan<char> text, int start, int length)
    {
        ReadOnlySpan<char> before = start < 0 ? text : text[..start];
        text = start < 0 ? [] : text[(start + length)..];
        return before;
    }

    private bool Take(ref int token)
    {
        if (token == None)
        {
            return false;
        }

        (Current, token) = (token, None);
        return true;
    }
}
