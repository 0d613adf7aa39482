// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Errors;
using FedCloud.Training.Tokenization;

namespace FedCloud.Training.Examples;

/// <summary>Turns lines of data into examples for one base model.</summary>
/// <param name="tokenizer">The tokenizer.</param>
/// <param name="endOfText">The token that ends a completion; null for none. A conversation ends as its template says.</param>
/// <param name="maxLength">The longest sequence, in tokens.</param>
public sealed class ExampleEncoder(Tokenizer tokenizer, int? endOfText, int maxLength)
{
    private ChatEncoder? _chat;

    /// <summary>Whether every example has to say whom it is about.</summary>
    public bool Persons { get; init; }

    /// <summary>Finds the template for conversations, once there is one; null where the base model has none.</summary>
    public Func<ChatTemplate>? Chat { get; init; }

    /// <summary>How many tokens the model has an embedding for.</summary>
    public int EmbeddedTokens { get; init; } = int.MaxValue;

    /// <summary>Encodes a line, cut to the longest sequence.</summary>
    /// <param name="text">The line.</param>
    /// <param name="place">File and line, for messages.</param>
    /// <param name="truncated">Whether it was longer than the longest sequence.</param>
    /// <exception cref="FedCloudException"><c>jsonl_malformed</c>, <c>completion_empty</c>, <c>chat_unwritable</c>, <c>vocabulary_mismatch</c> or <c>chat_template_missing</c>.</exception>
    public Example Encode(string text, string place, out bool truncated)
    {
        ExampleLine line = ExampleLine.Read(text, Persons, place);
        (Example example, int kept) = line.Messages is { } messages
            ? (Conversation(messages, line.Person, place), _chat?.BeginLength ?? 0)
            : (Completion(line), tokenizer.Start.Length);
        truncated = example.Tokens.Length > maxLength;
        example = example.Cut(maxLength, kept);
        return example.Tokens.Max() is var largest && largest < EmbeddedTokens
            ? example
            : throw new FedCloudException(ErrorCodes.VocabularyMismatch, $"{place}: expected token ids below {EmbeddedTokens}, as many as the model has, found {largest}");
    }

    private Example Completion(ExampleLine line)
    {
        List<int> tokens = [.. tokenizer.Start, .. tokenizer.Encode(line.Prompt + "\n")];
        int promptLength = tokens.Count;
        tokens.AddRange(tokenizer.Encode(line.Completion ?? string.Empty));
        if (endOfText is { } end)
        {
            tokens.Add(end);
        }

        return new Example([.. tokens], promptLength, line.Person);
    }

    private Example Conversation(IReadOnlyList<ChatMessage> messages, string? person, string place)
    {
        _chat ??= Chat is { } find
            ? new ChatEncoder(tokenizer, find())
            : throw new FedCloudException(ErrorCodes.ChatTemplateMissing, $"{place}: expected a template for 'messages', found none");
        return _chat.Refusal(messages) is { } reason
            ? throw new FedCloudException(ErrorCodes.ChatUnwritable, $"{place}: {reason}")
            : _chat.Encode(messages, person);
    }
}
