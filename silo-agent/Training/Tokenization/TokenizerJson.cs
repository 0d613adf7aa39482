// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text.Json;
using FedCloud.Protocol.Errors;

namespace FedCloud.Training.Tokenization;

/// <summary>A part of <c>tokenizer.json</c> and its place there, so that whatever is refused is refused by name.</summary>
/// <param name="element">The part.</param>
/// <param name="path">Its place; empty for the whole file.</param>
internal readonly struct TokenizerJson(JsonElement element, string path)
{
    private const int ShownLength = 60;

    private static readonly JsonElement Null = JsonSerializer.SerializeToElement<object?>(null);

    /// <summary>Whether the part is null; a member that is absent reads as null.</summary>
    public bool IsNull => element.ValueKind == JsonValueKind.Null;

    /// <summary>Whether the part is a text.</summary>
    public bool IsText => element.ValueKind == JsonValueKind.String;

    /// <summary>The member <c>type</c>, by which the parts of a tokenizer are told apart.</summary>
    public string Type => Member("type").Text;

    /// <summary>The part as text.</summary>
    public string Text => element.ValueKind == JsonValueKind.String ? element.GetString() ?? string.Empty : throw Expected("a text");

    /// <summary>The part as yes or no.</summary>
    public bool Flag => element.ValueKind is JsonValueKind.True or JsonValueKind.False ? element.GetBoolean() : throw Expected("true or false");

    /// <summary>The part as a token id.</summary>
    public int Id => element.ValueKind == JsonValueKind.Number && element.TryGetInt32(out int id) && id is >= 0 and < int.MaxValue ? id : throw Expected("a token id");

    /// <summary>The part's elements.</summary>
    public IEnumerable<TokenizerJson> Items
    {
        get
        {
            string here = path;
            return element.ValueKind == JsonValueKind.Array
                ? element.EnumerateArray().Select((item, i) => new TokenizerJson(item, $"{here}[{i}]"))
                : throw Expected("an array");
        }
    }

    /// <summary>The part's members, all under one place: their names are foreign and may be long.</summary>
    public IEnumerable<(string Name, TokenizerJson Value)> Members
    {
        get
        {
            string under = path + ".*";
            return element.ValueKind == JsonValueKind.Object
                ? element.EnumerateObject().Select(member => (member.Name, new TokenizerJson(member.Value, under)))
                : throw Expected("an object");
        }
    }

    /// <summary>One member.</summary>
    public TokenizerJson Member(string name)
    {
        string place = path.Length == 0 ? name : path + "." + name;
        return element.ValueKind != JsonValueKind.Object
            ? throw Expected("an object")
            : new TokenizerJson(element.TryGetProperty(name, out JsonElement value) ? value : Null, place);
    }

    /// <summary>Whether the part has a type.</summary>
    public bool Is(string type) => string.Equals(Type, type, StringComparison.Ordinal);

    /// <summary>Whether an option is there and true.</summary>
    public bool IsOn(string option) => !Member(option).IsNull && Member(option).Flag;

    /// <summary>Refuses a member that is not exactly a text.</summary>
    public void Require(string name, string text)
    {
        if (!string.Equals(Member(name).Text, text, StringComparison.Ordinal))
        {
            throw Member(name).Expected(string.IsNullOrWhiteSpace(text) ? $"\"{text}\"" : text);
        }
    }

    /// <summary>Refuses members that are not known, since they might change the tokens.</summary>
    public void RequireOnly(params ReadOnlySpan<string> names)
    {
        foreach ((string name, _) in Members)
        {
            if (!names.Contains(name))
            {
                throw Refused($"{(path.Length == 0 ? "the file" : path)} has the unknown member {Shown(name)}");
            }
        }
    }

    /// <summary>Refuses an option that is in use. Null, false, zero and the empty text mean that it is not.</summary>
    public void RequireOff()
    {
        bool off = element.ValueKind is JsonValueKind.Null or JsonValueKind.False
            || (element.ValueKind == JsonValueKind.String && element.ValueEquals(string.Empty))
            || (element.ValueKind == JsonValueKind.Number && element.TryGetDouble(out double number) && number == 0);
        if (!off)
        {
            throw Expected("it switched off");
        }
    }

    /// <summary>What to throw when the part is not as it has to be.</summary>
    public FedCloudException Expected(string what) => Refused($"{(path.Length == 0 ? "the file" : path)}: expected {what}, found {Found()}");

    /// <summary>What to throw, with the reason.</summary>
    public static FedCloudException Refused(string reason) => new(ErrorCodes.TokenizerUnsupported, "tokenizer.json: " + reason);

    private string Found() => element.ValueKind switch
    {
        JsonValueKind.Null => "nothing",
        JsonValueKind.Object => "an object",
        JsonValueKind.Array => "an array",
        _ => Shown(element.GetRawText()),
    };

    // Foreign text on an operator's terminal: its beginning, in printable ASCII.
    private static string Shown(string text) =>
        string.Concat(text.Take(ShownLength).Select(letter => letter is >= ' ' and <= '~' ? letter : '?')) + (text.Length > ShownLength ? "…" : string.Empty);
}
