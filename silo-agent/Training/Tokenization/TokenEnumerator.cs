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

    private readonly TokenFinder _finder;
    private ReadOnlySpan<char> _text; // not looked at yet
    private ReadOnlySpan<char> _piece; // normalized
    private ReadOnlySpan<char> _run; // holds no added token
    private ReadOnlySpan<int> _word; // tokens of the word before the run
    private int _afterPiece = None;
    private int _afterRun = None;
    private PiecePlace _place;

    internal TokenEnumerator(TokenFinder finder, ReadOnlySpan<char> text, PiecePlace place)
    {
        _finder = finder;
        _text = text;
        _place = place;
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
                _word = _finder.TakeWord(ref _run);
            }
            else if (Take(ref _afterRun) || (_piece.IsEmpty && Take(ref _afterPiece)))
            {
                return true;
            }
            else if (!_piece.IsEmpty)
            {
                int start = _finder.FindNormalized(_piece, out int length, out int id);
                _run = Prepared(Cut(ref _piece, start, length));
                _afterRun = start < 0 ? None : id;
            }
            else if (!_text.IsEmpty)
            {
                int start = _finder.FindVerbatim(_text, out int length, out int id);
                _piece = _finder.Normalize(Cut(ref _text, start, length), _place);
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

    private ReadOnlySpan<char> Prepared(ReadOnlySpan<char> run)
    {
        if (run.IsEmpty)
        {
            return run;
        }

        PiecePlace place = _place;
        _place = PiecePlace.AfterToken;
        return _finder.Prepare(run, place);
    }

    private bool Take(ref int token)
    {
        if (token == None)
        {
            return false;
        }

        (Current, token, _place) = (token, None, PiecePlace.AfterToken);
        return true;
    }
}
