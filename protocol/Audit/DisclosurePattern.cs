// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text;
using System.Text.Json;

namespace FedCloud.Protocol.Audit;

/// <summary>Finds what looks like personal data or a secret in an entry (audit-log, A1, A3 and V13): mail addresses and long base64 outside <c>dsse</c>.</summary>
/// <remarks>The schema leaves hardly any room for either; this also reads entries that the schema refuses.</remarks>
public static class DisclosurePattern
{
    // 32 bytes in base64, without padding. Digests are hexadecimal and known by that; ids and codes have at most 40 characters.
    private const int SecretLength = 43;

    /// <summary>The path of the first member whose text matches, or null.</summary>
    public static string? Find(ReadOnlySpan<byte> entry)
    {
        Utf8JsonReader reader = new(entry);
        Stack<string> path = [];
        string name = string.Empty;
        try
        {
            while (reader.Read())
            {
                switch (reader.TokenType)
                {
                    case JsonTokenType.PropertyName:
                        name = reader.GetString() ?? string.Empty;
                        if (IsSuspect(name, isKeyIdentifier: false))
                        {
                            return Printable(path);
                        }

                        break;
                    case JsonTokenType.StartObject or JsonTokenType.StartArray:
                        path.Push(name);
                        break;
                    case JsonTokenType.EndObject or JsonTokenType.EndArray:
                        path.Pop();
                        break;
                    case JsonTokenType.String when !path.Contains("dsse", StringComparer.Ordinal) && IsSuspect(reader.GetString() ?? string.Empty, string.Equals(name, "kid", StringComparison.Ordinal)):
                        path.Push(name);
                        return Printable(path);
                }
            }
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            // What is no JSON, or no UTF-8, is refused as such; there is no member to name.
            return null;
        }

        return null;
    }

    // A key identifier is an address with a version in it: long by nature, but never a mail address.
    private static bool IsSuspect(string text, bool isKeyIdentifier)
    {
        int at = text.IndexOf('@', StringComparison.Ordinal);
        if (at > 0 && text.IndexOf('.', at) > at + 1)
        {
            return true;
        }

        return !isKeyIdentifier && LongestRun(text) is { Length: >= SecretLength } run && !run.All(char.IsAsciiHexDigitLower);
    }

    private static string LongestRun(string text)
    {
        string longest = string.Empty;
        StringBuilder run = new();
        foreach (char c in text + "\n")
        {
            if (char.IsAsciiLetterOrDigit(c) || c is '+' or '/' or '-' or '_' or '=')
            {
                run.Append(c);
                continue;
            }

            longest = run.Length > longest.Length ? run.ToString() : longest;
            run.Clear();
        }

        return longest;
    }

    private static string Printable(Stack<string> path) =>
        string.Join('.', path.Reverse().Where(part => part.Length is > 0 and <= SecretLength && part.All(c => c is > ' ' and <= '~' and not '@')));
}
