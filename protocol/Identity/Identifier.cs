// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.Identity;

/// <summary>The one rule for names that become parts of container and blob names (keys-and-identity, Z5).</summary>
public static class Identifier
{
    /// <summary>The shortest allowed length, in characters.</summary>
    public const int MinLength = 3;

    /// <summary>The longest allowed length, in characters.</summary>
    public const int MaxLength = 40;

    /// <summary>Whether the text is 3 to 40 of a-z, 0-9 and hyphen, without "--" and without a hyphen at either end.</summary>
    public static bool IsValid(string? text)
    {
        if (text is null || text.Length is < MinLength or > MaxLength || text[0] == '-' || text[^1] == '-')
        {
            return false;
        }

        for (int i = 0; i < text.Length; i++)
        {
            char c = text[i];
            bool allowed = char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || (c == '-' && text[i - 1] != '-');
            if (!allowed)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Returns the text if it is valid.</summary>
    /// <param name="text">The candidate.</param>
    /// <param name="what">What it names, for the error: "silo id", "run id".</param>
    /// <exception cref="FedCloudException"><c>id_malformed</c>.</exception>
    public static string Require(string? text, string what) =>
        IsValid(text)
            ? text!
            : throw new FedCloudException(ErrorCodes.IdMalformed, $"{what} is {Quote(text)}");

    // Foreign text in an error line: shortened, and printable ASCII only, so that it cannot forge another line or terminal codes.
    private static string Quote(string? text) =>
        text is null
            ? "absent"
            : "'" + string.Concat(text.Take(60).Select(c => c is >= ' ' and <= '~' ? c : '?')) + (text.Length > 60 ? "…'" : "'");
}
