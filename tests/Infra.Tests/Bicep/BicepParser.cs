// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text;

namespace FedCloud.Infra.Tests.Bicep;

/// <summary>Reads the declarations of a Bicep file. It is no compiler: types and functions mean nothing to it.</summary>
public sealed class BicepParser
{
    private static readonly string[] Openers = ["(", "[", "{"];
    private static readonly string[] Closers = [")", "]", "}"];

    // A line that begins so goes on with the expression before it.
    private static readonly string[] Continuations = ["?", ":", "??", "&&", "||", "==", ".", ".?", "|"];

    private readonly List<BicepToken> _tokens;
    private readonly BicepFile _file;
    private int _at;

    private BicepParser(string path, string text)
    {
        _tokens = BicepLexer.Read(text);
        _file = new BicepFile { Path = path, Text = text };
    }

    private BicepToken Here => _tokens[_at];

    /// <exception cref="FormatException">With the line of what was not understood.</exception>
    public static BicepFile Parse(string path, string text)
    {
        try
        {
            BicepParser parser = new(path, text);
            parser.Declarations();
            return parser._file;
        }
        catch (FormatException error)
        {
            throw new FormatException($"{path}, {error.Message}", error);
        }
    }

    private void Declarations()
    {
        bool isSecure = false;
        for (SkipLines(); Here.Kind is not BicepTokenKind.End; SkipLines())
        {
            if (Here.Is("@"))
            {
                isSecure |= Raw(stopAtEquals: false).StartsWith("@ secure", StringComparison.Ordinal);
                continue;
            }

            Declaration(Word(), isSecure);
            isSecure = false;
        }
    }

    private void Declaration(string keyword, bool isSecure)
    {
        switch (keyword)
        {
            case "param":
                string parameter = Word();
                string type = Raw(stopAtEquals: true);
                bool hasDefault = TryTake("=");
                if (hasDefault)
                {
                    Value();
                }

                _file.Parameters.Add(parameter, new BicepParameter(parameter, type, !hasDefault && !type.EndsWith('?'), isSecure));
                break;
            case "var":
                string variable = Word();
                Take("=");
                _file.Variables.Add(variable, Value());
                break;
            case "output":
                string output = Word();
                Raw(stopAtEquals: true);
                Take("=");
                _file.Outputs.Add(output, Value());
                break;
            case "resource":
                Resource();
                break;
            case "module":
                Module();
                break;
            case "targetScope" or "import" or "type" or "metadata" or "func":
                Raw(stopAtEquals: false);
                break;
            default:
                throw Bad($"'{keyword}' begins no declaration");
        }
    }

    private void Resource()
    {
        int line = Here.Line;
        string symbol = Word();
        string[] type = Text().Split('@');
        bool isExisting = Here.IsWord("existing");
        if (isExisting)
        {
            _at++;
        }

        Take("=");
        (string? condition, BicepObject body) = Body();
        _file.Resources.Add(new BicepResource(symbol, type[0], type.Length == 2 ? type[1] : string.Empty, isExisting, condition, body, line));
    }

    private void Module()
    {
        int line = Here.Line;
        string symbol = Word();
        string path = Text();
        Take("=");
        (string? condition, BicepObject body) = Body();
        _file.Modules.Add(new BicepModule(symbol, path, condition, body, line));
    }

    // if (…) { … }, [for … : { … }], [for … : if (…) { … }], { … }
    private (string? Condition, BicepObject Body) Body()
    {
        string? condition = Condition();
        BicepValue value = Value();
        if (value is BicepLoop loop)
        {
            value = loop.Body;
        }

        return (condition, value as BicepObject ?? throw Bad("expected an object"));
    }

    private string? Condition()
    {
        if (!Here.IsWord("if"))
        {
            return null;
        }

        _at++;
        int from = _at;
        SkipBalanced();
        return Join(from + 1, _at - 1);
    }

    private BicepValue Value()
    {
        BicepToken first = Here;
        int from = _at;
        BicepValue? simple = first switch
        {
            { Kind: BicepTokenKind.Text } => new BicepText(first.Value, first.Line),
            _ when first.Is("{") => Object(),
            _ when first.Is("[") => List(),
            _ => null,
        };
        if (simple is BicepText)
        {
            _at++;
        }

        if (simple is not null && IsAtEndOfValue())
        {
            return simple;
        }

        _at = from;
        return new BicepExpression(Raw(stopAtEquals: false), first.Line);
    }

    private BicepObject Object()
    {
        int line = Here.Line;
        Dictionary<string, BicepValue> properties = new(StringComparer.Ordinal);
        Take("{");
        for (SkipSeparators(); !Here.Is("}"); SkipSeparators())
        {
            string name = Here.Kind is BicepTokenKind.Text ? Text() : Word();
            Take(":");
            if (!properties.TryAdd(name, Value()))
            {
                throw Bad($"'{name}' is there twice");
            }
        }

        Take("}");
        return new BicepObject(properties, line);
    }

    private BicepValue List()
    {
        int line = Here.Line;
        Take("[");
        SkipSeparators();
        if (Here.IsWord("for"))
        {
            return Loop(line);
        }

        List<BicepValue> items = [];
        for (; !Here.Is("]"); SkipSeparators())
        {
            items.Add(Value());
        }

        Take("]");
        return new BicepList(items, line);
    }

    private BicepLoop Loop(int line)
    {
        _at++;
        List<string> variables = [];
        while (!Here.IsWord("in"))
        {
            if (Here.Kind is BicepTokenKind.Word)
            {
                variables.Add(Here.Value);
            }

            _at++;
        }

        int from = ++_at;
        while (!Here.Is(":"))
        {
            SkipBalanced();
        }

        string over = Join(from, _at);
        Take(":");
        SkipLines();
        Condition();
        BicepValue body = Value();
        SkipLines();
        Take("]");
        return new BicepLoop(variables, over, body, line);
    }

    // Reads to the end of the line, or to a comma or a closing bracket, whichever is first outside brackets.
    private string Raw(bool stopAtEquals)
    {
        int from = _at;
        while (!IsAtEndOfValue() && !(stopAtEquals && Here.Is("=")))
        {
            if (Here.Kind is BicepTokenKind.LineEnd)
            {
                _at++;
            }
            else
            {
                SkipBalanced();
            }
        }

        return Join(from, _at);
    }

    private bool IsAtEndOfValue()
    {
        if (Here.Kind is BicepTokenKind.LineEnd)
        {
            BicepToken next = _tokens.Skip(_at).First(token => token.Kind is not BicepTokenKind.LineEnd);
            return !Continuations.Any(next.Is);
        }

        return Here.Kind is BicepTokenKind.End || Here.Is(",") || Closers.Any(Here.Is);
    }

    private void SkipBalanced()
    {
        int depth = 0;
        do
        {
            depth += Openers.Any(Here.Is) ? 1 : Closers.Any(Here.Is) ? -1 : 0;
            if (Here.Kind is BicepTokenKind.End)
            {
                throw Bad("a bracket is open");
            }

            _at++;
        }
        while (depth > 0);
    }

    private string Join(int from, int to)
    {
        StringBuilder text = new();
        foreach (BicepToken token in _tokens[from..to].Where(token => token.Kind is not BicepTokenKind.LineEnd))
        {
            text.Append(text.Length == 0 ? string.Empty : " ").Append(token.Kind is BicepTokenKind.Text ? $"'{token.Value}'" : token.Value);
        }

        return text.ToString();
    }

    private void SkipLines()
    {
        while (Here.Kind is BicepTokenKind.LineEnd)
        {
            _at++;
        }
    }

    private void SkipSeparators()
    {
        while (Here.Kind is BicepTokenKind.LineEnd || Here.Is(","))
        {
            _at++;
        }
    }

    private string Word() => Here.Kind is BicepTokenKind.Word ? _tokens[_at++].Value : throw Bad($"expected a name, found '{Here.Value}'");

    private string Text() => Here.Kind is BicepTokenKind.Text ? _tokens[_at++].Value : throw Bad($"expected a text, found '{Here.Value}'");

    private bool TryTake(string sign)
    {
        bool isHere = Here.Is(sign);
        _at += isHere ? 1 : 0;
        return isHere;
    }

    private void Take(string sign)
    {
        if (!TryTake(sign))
        {
            throw Bad($"expected '{sign}', found '{Here.Value}'");
        }
    }

    private FormatException Bad(string what) => new($"line {Here.Line}: {what}");
}
