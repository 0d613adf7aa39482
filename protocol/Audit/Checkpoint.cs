// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Globalization;
using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.Audit;

/// <summary>What a log signs: its origin, its size and its root (C2SP tlog-checkpoint).</summary>
public sealed record Checkpoint
{
    /// <summary>The log's identity, <c>&lt;federation host&gt;/log/&lt;name&gt;</c>; fixed for the life of the log.</summary>
    public required string Origin { get; init; }

    /// <summary>The number of entries.</summary>
    public required long Size { get; init; }

    /// <summary>The root over them.</summary>
    public required MerkleHash Root { get; init; }

    /// <summary>Further lines. This project's logs have none; foreign ones may.</summary>
    public ImmutableArray<string> Extensions { get; init; } = [];

    /// <summary>Reads the text of a note.</summary>
    /// <exception cref="FedCloudException"><c>checkpoint_malformed</c>.</exception>
    public static Checkpoint Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        string[] lines = text.EndsWith('\n') ? text[..^1].Split('\n') : [];
        if (lines.Length < 3 || lines.Any(line => line.Length == 0))
        {
            throw Malformed("expected at least three lines, none of them empty");
        }

        if (!TryParseNumber(lines[1], out long size))
        {
            throw Malformed("expected the size as a decimal number without leading zeros below 2^63");
        }

        if (!MerkleHash.TryFromBase64(lines[2], out MerkleHash root))
        {
            throw Malformed("expected the root as base64 of 32 bytes");
        }

        return size > 0 || root == MerkleTree.EmptyRoot
            ? new Checkpoint { Origin = lines[0], Size = size, Root = root, Extensions = [.. lines[3..]] }
            : throw Malformed("size 0 has a root that is not the empty tree's");
    }

    /// <summary>The text that is signed.</summary>
    public string ToText() => string.Create(
        CultureInfo.InvariantCulture,
        $"{Origin}\n{Size}\n{Root.ToBase64()}\n{string.Concat(Extensions.Select(line => line + "\n"))}");

    /// <summary>Whether two checkpoints say the same.</summary>
    public bool Equals(Checkpoint? other) => other is not null && string.Equals(ToText(), other.ToText(), StringComparison.Ordinal);

    /// <inheritdoc/>
    public override int GetHashCode() => ToText().GetHashCode(StringComparison.Ordinal);

    /// <summary>Reads a decimal number of 63 bits without leading zeros.</summary>
    internal static bool TryParseNumber(string text, out long number) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number) && (text.Length == 1 || text[0] != '0');

    private static FedCloudException Malformed(string found) => new(ErrorCodes.CheckpointMalformed, found);
}
