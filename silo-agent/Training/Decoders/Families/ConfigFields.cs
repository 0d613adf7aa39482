// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Frozen;
using System.Collections.Immutable;
using System.Text.Json;
using FedCloud.Protocol.Errors;

namespace FedCloud.Training.Decoders.Families;

/// <summary>The fields of a <c>config.json</c>, each checked where it is read. Null counts as absent.</summary>
/// <param name="json">The whole object.</param>
internal sealed class ConfigFields(JsonElement json)
{
    private const int Most = (1 << 20) - 1;

    /// <summary>What is wrong with a configuration.</summary>
    public static FedCloudException Malformed(string what) => new(ErrorCodes.ConfigUnsupported, $"config.json: {what}");

    /// <summary>A foreign text, short and in ASCII.</summary>
    public static string Printable(string name) => new([.. name.Take(40).Select(letter => letter is >= ' ' and <= '~' ? letter : '?')]);

    /// <summary>A value's JSON without spaces and line breaks.</summary>
    public static string Compact(JsonElement value) => value.GetRawText().ReplaceLineEndings(string.Empty).Replace(" ", string.Empty, StringComparison.Ordinal);

    /// <summary>Refuses what is not implemented, and what is not known: whether an unknown field changes the mathematics cannot be known, so it is not ignored.</summary>
    public void RequireKnown(FrozenDictionary<string, string[]> values, FrozenSet<string> known)
    {
        foreach (JsonProperty field in json.EnumerateObject().Where(field => field.Value.ValueKind != JsonValueKind.Null))
        {
            if (values.TryGetValue(field.Name, out string[]? allowed))
            {
                if (!allowed.Contains(Compact(field.Value), StringComparer.Ordinal))
                {
                    throw Malformed($"expected {field.Name} to be {string.Join(" or ", allowed)}, found {Printable(Compact(field.Value))}");
                }
            }
            else if (!known.Contains(field.Name))
            {
                throw Malformed($"the field {Printable(field.Name)} is not known to this trainer");
            }
        }
    }

    /// <summary>Whether a field is there, null included.</summary>
    public bool Names(string name) => json.TryGetProperty(name, out _);

    /// <summary>A field; null when it is absent.</summary>
    public JsonElement? Find(string name) => json.TryGetProperty(name, out JsonElement field) && field.ValueKind != JsonValueKind.Null ? field : null;

    public string Text(string name) => Require(name) is { ValueKind: JsonValueKind.String } field && field.GetString() is { } text
        ? text
        : throw Malformed($"expected {name} to be a text, found {Printable(Compact(Require(name)))}");

    public int Size(string name, int? otherwise = null)
    {
        if (otherwise is { } value && Find(name) is null)
        {
            return value;
        }

        JsonElement field = Require(name);
        return field.ValueKind == JsonValueKind.Number && field.TryGetInt32(out int size) && size is > 0 and <= Most
            ? size
            : throw Malformed($"expected {name} to be a whole number from 1 to {Most}, found {Printable(Compact(field))}");
    }

    public bool Flag(string name, bool otherwise)
    {
        JsonElement? field = Find(name);
        return field?.ValueKind switch
        {
            null => otherwise,
            JsonValueKind.True => true,
            JsonValueKind.False => false,
            _ => throw Malformed($"expected {name} to be true or false, found {Printable(Compact(field.Value))}"),
        };
    }

    /// <summary>A number above 0 and below a bound.</summary>
    public float Number(string name, float below)
    {
        JsonElement field = Require(name);
        return field.ValueKind == JsonValueKind.Number && field.TryGetSingle(out float number) && number > 0 && number < below
            ? number
            : throw Malformed($"expected {name} to be a number between 0 and {below}, found {Printable(Compact(field))}");
    }

    /// <summary>How many key and value heads there are: they divide the query heads.</summary>
    public int KeyValueHeads(int heads, int? otherwise = null)
    {
        int groups = Size("num_key_value_heads", otherwise);
        return heads % groups == 0 ? groups : throw Malformed($"expected num_key_value_heads to divide num_attention_heads {heads}, found {groups}");
    }

    /// <summary>The width of a head with rotary positions, which turn pairs.</summary>
    public int EvenHeadWidth(int? otherwise = null)
    {
        int width = Size("head_dim", otherwise);
        return width > 0 && width % 2 == 0 ? width : throw Malformed($"expected an even head_dim, or hidden_size / num_attention_heads, found {width}");
    }

    /// <summary>The longest sequence.</summary>
    public int Positions(string name) => Size(name) is > 1 and int positions ? positions : throw Malformed($"expected {name} of 2 or more, found 1");

    /// <summary>Which layers see a window only: as <c>layer_types</c> says, else as the family's rule does.</summary>
    public ImmutableArray<bool> WindowedLayers(int layers, Func<int, bool> otherwise)
    {
        if (Find("layer_types") is not { } given)
        {
            return [.. Enumerable.Range(0, layers).Select(otherwise)];
        }

        string[] types = given.ValueKind == JsonValueKind.Array ? [.. given.EnumerateArray().Select(type => type.ToString())] : [];
        return types.Length == layers && types.All(type => type is "sliding_attention" or "full_attention")
            ? [.. types.Select(type => type is "sliding_attention")]
            : throw Malformed($"expected layer_types to be sliding_attention or full_attention for each of {layers} layers, found {Printable(Compact(given))}");
    }

    /// <summary>The token that ends a text: one token, or several of which the first does.</summary>
    public int? EndOfText(int vocabulary)
    {
        if (Find("eos_token_id") is not { } end)
        {
            return null;
        }

        JsonElement first = end.ValueKind == JsonValueKind.Array && end.GetArrayLength() > 0 ? end[0] : end;
        return first.ValueKind == JsonValueKind.Number && first.TryGetInt32(out int token) && token >= 0 && token < vocabulary
            ? token
            : throw Malformed($"expected eos_token_id to be a token below vocab_size {vocabulary}, found {Printable(Compact(end))}");
    }

    private JsonElement Require(string name) => Find(name) ?? throw Malformed($"expected the field {name}, found none");
}
