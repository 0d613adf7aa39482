// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Infra.Tests.Bicep;

/// <summary>Cuts Bicep into tokens: enough of the language for its declarations and values. Comments vanish.</summary>
public sealed class BicepLexer
{
    private static readonly string[] LongSigns = ["=>", "==", "!=", "<=", ">=", "&&", "||", "??", "::", ".?"];

    private readonly string _text;
    private int _at;
    private int _line = 1;

    private BicepLexer(string text) => _text = text.ReplaceLineEndings("\n");

    public static List<BicepToken> Read(string text)
    {
        BicepLexer lexer = new(text);
        List<BicepToken> tokens = [];
        do
        {
            tokens.Add(lexer.Next());
        }
        while (tokens[^1].Kind is not BicepTokenKind.End);
        return tokens;
    }

    private BicepToken Next()
    {
        SkipBlanksAndComments();
        int line = _line;
        if (_at == _text.Length)
        {
            return new BicepToken(BicepTokenKind.End, string.Empty, line);
        }

        char c = _text[_at];
        if (c == '\n')
        {
            _at++;
            _line++;
            return new BicepToken(BicepTokenKind.LineEnd, "\n", line);
        }

        if (c == '\'')
        {
            return new BicepToken(BicepTokenKind.Text, Text(), line);
        }

        if (char.IsAsciiLetter(c) || c == '_')
        {
            return new BicepToken(BicepTokenKind.Word, While(static d => char.IsAsciiLetterOrDigit(d) || d == '_'), line);
        }

        if (char.IsAsciiDigit(c))
        {
            return new BicepToken(BicepTokenKind.Number, While(char.IsAsciiDigit), line);
        }

        string sign = LongSigns.FirstOrDefault(s => string.CompareOrdinal(_text, _at, s, 0, s.Length) == 0) ?? c.ToString();
        _at += sign.Length;
        return new BicepToken(BicepTokenKind.Sign, sign, line);
    }

    private void SkipBlanksAndComments()
    {
        while (_at < _text.Length)
        {
            if (_text[_at] is ' ' or '\t')
            {
                _at++;
            }
            else if (Begins("//") || (Begins("#") && IsFirstOfLine()))
            {
                int end = _text.IndexOf('\n', _at);
                _at = end < 0 ? _text.Length : end;
            }
            else if (Begins("/*"))
            {
                int end = _text.IndexOf("*/", _at + 2, StringComparison.Ordinal);
                end = end < 0 ? throw Bad("a comment has no end") : end + 2;
                _line += _text.AsSpan(_at, end - _at).Count('\n');
                _at = end;
            }
            else
            {
                return;
            }
        }
    }

    private string Text()
    {
        if (Begins("'''"))
        {
            int end = _text.IndexOf("'''", _at + 3, StringComparison.Ordinal);
            string whole = end < 0 ? throw Bad("a text has no end") : _text[(_at + 3)..end];
            _line += whole.Count(c => c == '\n');
            _at = end + 3;
            return whole;
        }

        int from = ++_at;
        int depth = 0;
        while (_at < _text.Length && _text[_at] != '\n' && (_text[_at] != '\'' || depth > 0))
        {
            if (_text[_at] == '\\')
            {
                _at++;
            }
            else if (Begins("${"))
            {
                depth++;
            }
            else if (_text[_at] == '}' && depth > 0)
            {
                depth--;
            }

            _at++;
        }

        if (_at >= _text.Length || _text[_at] != '\'')
        {
            throw Bad("a text has no end");
        }

        return _text[from.._at++];
    }

    private string While(Func<char, bool> isPart)
    {
        int from = _at;
        while (_at < _text.Length && isPart(_text[_at]))
        {
            _at++;
        }

        return _text[from.._at];
    }

    private bool Begins(string with) => string.CompareOrdinal(_text, _at, with, 0, with.Length) == 0;

    private bool IsFirstOfLine() => string.IsNullOrWhiteSpace(_text[(_text.LastIndexOf('\n', Math.Max(_at - 1, 0)) + 1).._at]);

    private FormatException Bad(string what) => new($"line {_line}: {what}");
}
