// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.Messages;

/// <summary>The rule for container and blob names that travel in messages (threats, T20): plain lower-case ASCII, no way out of the container.</summary>
public static class BlobNames
{
    /// <summary>The longest blob name, in characters.</summary>
    public const int MaxLength = 200;

    /// <summary>Whether the text is a container name: 3 to 63 of a-z, 0-9 and single hyphens, none at an end.</summary>
    public static bool IsContainer(string? text) =>
        text is { Length: >= 3 and <= 63 }
        && text.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c == '-')
        && text[0] != '-' && text[^1] != '-' && !text.Contains("--", StringComparison.Ordinal);

    /// <summary>Whether the text is a blob name: segments of a-z, 0-9, dot, hyphen and underscore, joined by "/", no segment empty, "." or "..".</summary>
    public static bool IsBlob(string? text) =>
        text is { Length: >= 1 and <= MaxLength }
        && text.Split('/').All(segment => segment is not ("" or "." or "..") && segment.All(IsSegmentCharacter));

    /// <summary>Returns the names if both are valid.</summary>
    /// <exception cref="FedCloudException"><c>blob_name_malformed</c>.</exception>
    public static void Require(string? container, string? blob)
    {
        if (!IsContainer(container))
        {
            throw new FedCloudException(ErrorCodes.BlobNameMalformed, "expected a container name of a-z, 0-9 and hyphens, found another name");
        }

        if (!IsBlob(blob))
        {
            throw new FedCloudException(ErrorCodes.BlobNameMalformed, "expected a blob name of at most 200 of a-z, 0-9, '.', '_', '-' and '/', found another name");
        }
    }

    private static bool IsSegmentCharacter(char c) => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '.' or '_' or '-';
}
