// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;
using System.Text.Json.Nodes;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Identity;

namespace FedCloud.Protocol.Plans;

/// <summary>One field of a plan: where it stands, what it may hold, what it means.</summary>
/// <param name="Path">The names from the root, joined by dots.</param>
/// <param name="Type">The type and its bounds.</param>
/// <param name="Default">The value when absent, as written in a plan; null where the field is required or filled in by the command.</param>
/// <param name="Unit">The unit; empty where there is none.</param>
/// <param name="Meaning">One sentence.</param>
public sealed record PlanField(string Path, PlanType Type, string? Default, string Unit, string Meaning);

/// <summary>The type of a plan's field: how its text becomes the configuration's JSON, and what is allowed.</summary>
public abstract record PlanType
{
    /// <summary>The type and bounds in words.</summary>
    public abstract string Describe();

    /// <summary>The JSON value of a plan's text.</summary>
    /// <returns>Null when the text is not allowed.</returns>
    public abstract JsonNode? FromText(string text);

    /// <summary>Whether a configuration's JSON value is allowed.</summary>
    public abstract bool Allows(JsonNode? value);

    /// <summary>Whether the field may be absent from a configuration.</summary>
    public virtual bool MayBeAbsent => false;
}

/// <summary>An integer.</summary>
/// <param name="Min">The smallest value.</param>
/// <param name="Max">The largest value.</param>
public sealed record IntegerType(long Min, long Max) : PlanType
{
    /// <inheritdoc/>
    public override string Describe() => string.Create(CultureInfo.InvariantCulture, $"integer from {Min} to {Max}");

    /// <inheritdoc/>
    public override JsonNode? FromText(string text) =>
        long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long value) && value >= Min && value <= Max ? JsonValue.Create(value) : null;

    /// <inheritdoc/>
    public override bool Allows(JsonNode? value) => value is JsonValue json && json.TryGetValue(out long number) && number >= Min && number <= Max;
}

/// <summary>One of a few integers.</summary>
/// <param name="Values">The integers.</param>
public sealed record IntegerChoiceType(long[] Values) : PlanType
{
    /// <inheritdoc/>
    public override string Describe() => string.Join(", ", Values.Select(value => value.ToString(CultureInfo.InvariantCulture)));

    /// <inheritdoc/>
    public override JsonNode? FromText(string text) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long value) && Values.Contains(value) ? JsonValue.Create(value) : null;

    /// <inheritdoc/>
    public override bool Allows(JsonNode? value) => value is JsonValue json && json.TryGetValue(out long number) && Values.Contains(number);
}

/// <summary>A real number.</summary>
/// <param name="Min">The smallest value.</param>
/// <param name="Max">The largest value.</param>
/// <param name="AboveMin">Whether the smallest value itself is excluded.</param>
public sealed record RealType(decimal Min, decimal Max, bool AboveMin = false) : PlanType
{
    /// <inheritdoc/>
    public override string Describe() => AboveMin
        ? $"number above {DecimalString.Format(Min)}, to {DecimalString.Format(Max)}"
        : $"number from {DecimalString.Format(Min)} to {DecimalString.Format(Max)}";

    /// <inheritdoc/>
    public override JsonNode? FromText(string text) =>
        decimal.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out decimal value) && Within(value) ? JsonValue.Create(DecimalString.Format(value)) : null;

    /// <inheritdoc/>
    public override bool Allows(JsonNode? value) =>
        value is JsonValue json && json.TryGetValue(out string? text) && DecimalString.Parse(text) is { } real && Within(real);

    private bool Within(decimal value) => (AboveMin ? value > Min : value >= Min) && value <= Max;
}

/// <summary>A value that may be absent.</summary>
/// <param name="Of">Type and bounds when present.</param>
public sealed record OptionalType(PlanType Of) : PlanType
{
    /// <inheritdoc/>
    public override bool MayBeAbsent => true;

    /// <inheritdoc/>
    public override string Describe() => Of.Describe() + ", or none";

    /// <inheritdoc/>
    public override JsonNode? FromText(string text) => Of.FromText(text);

    /// <inheritdoc/>
    public override bool Allows(JsonNode? value) => value is null || Of.Allows(value);
}

/// <summary><c>true</c> or <c>false</c>.</summary>
public sealed record BooleanType : PlanType
{
    /// <inheritdoc/>
    public override string Describe() => "true or false";

    /// <inheritdoc/>
    public override JsonNode? FromText(string text) => text switch
    {
        "true" => JsonValue.Create(true),
        "false" => JsonValue.Create(false),
        _ => null,
    };

    /// <inheritdoc/>
    public override bool Allows(JsonNode? value) => value is JsonValue json && json.TryGetValue(out bool _);
}

/// <summary>One of a few words.</summary>
/// <param name="Values">The words.</param>
/// <param name="Known">Words that are understood and refused with a reason of their own.</param>
public sealed record ChoiceType(string[] Values, string[] Known) : PlanType
{
    /// <inheritdoc/>
    public override string Describe() => string.Join(", ", Values);

    /// <inheritdoc/>
    public override JsonNode? FromText(string text) => Values.Contains(text, StringComparer.Ordinal) ? JsonValue.Create(text) : null;

    /// <inheritdoc/>
    public override bool Allows(JsonNode? value) => value is JsonValue json && json.TryGetValue(out string? text) && Values.Contains(text, StringComparer.Ordinal);
}

/// <summary>An id: 3 to 40 of a-z, 0-9 and single hyphens.</summary>
public sealed record IdType : PlanType
{
    /// <inheritdoc/>
    public override string Describe() => "id: 3 to 40 of a-z, 0-9 and single hyphens";

    /// <inheritdoc/>
    public override JsonNode? FromText(string text) => Identifier.IsValid(text) ? JsonValue.Create(text) : null;

    /// <inheritdoc/>
    public override bool Allows(JsonNode? value) => value is JsonValue json && json.TryGetValue(out string? text) && Identifier.IsValid(text);
}

/// <summary>A SHA-256 digest.</summary>
public sealed record DigestType : PlanType
{
    /// <inheritdoc/>
    public override string Describe() => "SHA-256 digest, 64 lower-case hexadecimal digits";

    /// <inheritdoc/>
    public override JsonNode? FromText(string text) => Sha256Digest.IsValid(text) ? JsonValue.Create(text) : null;

    /// <inheritdoc/>
    public override bool Allows(JsonNode? value) => value is JsonValue json && json.TryGetValue(out string? text) && Sha256Digest.IsValid(text);
}

/// <summary>Printable text.</summary>
/// <param name="MaxLength">The longest text, in characters.</param>
public sealed record TextType(int MaxLength) : PlanType
{
    /// <inheritdoc/>
    public override string Describe() => string.Create(CultureInfo.InvariantCulture, $"text of at most {MaxLength} characters");

    /// <inheritdoc/>
    public override JsonNode? FromText(string text) => IsAllowed(text) ? JsonValue.Create(text) : null;

    /// <inheritdoc/>
    public override bool Allows(JsonNode? value) => value is JsonValue json && json.TryGetValue(out string? text) && IsAllowed(text);

    private bool IsAllowed(string? text) => text is not null && text.Length <= MaxLength && !text.Any(char.IsControl);
}

/// <summary>A list of module names, sorted and distinct.</summary>
public sealed record ModuleNamesType : PlanType
{
    private const int MaxCount = 64;

    /// <inheritdoc/>
    public override string Describe() => "list of distinct module names of a-z, 0-9 and underscore";

    /// <inheritdoc/>
    public override JsonNode? FromText(string text)
    {
        string[] names = text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        Array.Sort(names, StringComparer.Ordinal);
        return AreAllowed(names) ? new JsonArray([.. names.Select(name => (JsonNode?)JsonValue.Create(name))]) : null;
    }

    /// <inheritdoc/>
    public override bool Allows(JsonNode? value) =>
        value is JsonArray array
        && array.All(item => item is JsonValue json && json.TryGetValue(out string? _))
        && AreAllowed([.. array.Select(item => item!.GetValue<string>())]);

    private static bool AreAllowed(string[] names) =>
        names.Length is >= 1 and <= MaxCount
        && names.Zip(names.Skip(1)).All(pair => string.CompareOrdinal(pair.First, pair.Second) < 0)
        && names.All(name => name.Length is >= 1 and <= 64 && name.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c == '_'));
}
