// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;

namespace FedCloud.Training.Examples;

/// <summary>One example as tokens, of which some are learned and the others only read.</summary>
/// <param name="Tokens">The tokens, cut to the longest sequence.</param>
/// <param name="Learned">Those that carry loss, in order and without overlap. A sequence's first token carries none, since nothing foretells it.</param>
/// <param name="Person">Whom it is about; null unless persons were asked for.</param>
public sealed record Example(int[] Tokens, ImmutableArray<TokenSpan> Learned, string? Person = null)
{
    /// <summary>An example with a prompt that is read and a completion that is learned.</summary>
    /// <param name="tokens">The tokens that begin a text, prompt, newline, completion, end-of-text.</param>
    /// <param name="promptLength">How many of them come before the completion.</param>
    /// <param name="person">Whom it is about.</param>
    public Example(int[] tokens, int promptLength, string? person = null)
        : this(tokens, [new TokenSpan(Math.Min(promptLength, tokens.Length), tokens.Length)], person)
    {
    }

    /// <summary>How many tokens come before the first that is learned.</summary>
    public int PromptLength => Learned.IsEmpty ? Tokens.Length : Learned[0].Start;

    /// <summary>The example in as many tokens as fit.</summary>
    /// <remarks>What comes before the first learned token loses its beginning, at most down to half of the sequence, so that some of the rest is always learned; then the end is cut off.</remarks>
    /// <param name="longest">The longest sequence.</param>
    /// <param name="kept">How many tokens at the beginning stay.</param>
    public Example Cut(int longest, int kept)
    {
        if (Tokens.Length <= longest)
        {
            return this;
        }

        int drop = Math.Clamp(Tokens.Length - longest, 0, Math.Max(0, PromptLength - Math.Max(longest / 2, kept)));
        List<int> tokens = [.. Tokens];
        tokens.RemoveRange(kept, drop);
        int length = Math.Min(tokens.Count, longest);
        return this with
        {
            Tokens = [.. tokens[..length]],
            Learned = [.. Learned.Where(span => span.Start - drop < length).Select(span => new TokenSpan(span.Start - drop, Math.Min(span.End - drop, length)))],
        };
    }
}
