// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;

namespace FedCloud.Training.Examples;

/// <summary>Qwen's templates (<c>chat_template</c> of Qwen/Qwen2-7B-Instruct, Qwen2.5-7B-Instruct and Qwen3-0.6B): ChatML, with a system message of their own or with thoughts.</summary>
/// <param name="name">The template's name.</param>
/// <param name="system">What the assistant is told where a conversation does not begin with a system message; null for nothing.</param>
/// <param name="thinks">Whether answers may have thoughts, as Qwen 3's.</param>
internal sealed class QwenChat(string name, string? system, bool thinks) : ChatTemplate
{
    private const string Thought = "<think>";
    private const string ThoughtEnd = "</think>";

    /// <inheritdoc/>
    public override string Name => name;

    /// <inheritdoc/>
    public override ImmutableArray<string> Markers => ["<|im_start|>", "<|im_end|>"];

    /// <inheritdoc/>
    public override string? Begin => null;

    /// <inheritdoc/>
    public override string? Refusal(IReadOnlyList<ChatMessage> messages) => null;

    /// <inheritdoc/>
    public override IEnumerable<ChatPart> Write(IReadOnlyList<ChatMessage> messages)
    {
        int lastQuestion = LastQuestion(messages);
        List<ChatPart> parts = [];
        if (system is not null && messages[0].Role != ChatRole.System)
        {
            Turn(parts, "system\n" + system, string.Empty);
        }

        for (int i = 0; i < messages.Count; i++)
        {
            ChatMessage message = messages[i];
            if (message.Role != ChatRole.Assistant)
            {
                Turn(parts, $"{message.RoleName}\n{message.Content}", string.Empty);
                continue;
            }

            (string thought, string answer) = thinks ? Split(message.Content) : (string.Empty, message.Content);
            bool shows = thinks && i > lastQuestion && (i == messages.Count - 1 || thought.Length > 0);
            string shown = $"{Thought}\n{thought.Trim('\n')}\n{ThoughtEnd}\n\n";
            bool speaks = shows && thought.Length > 0; // an empty thought is written for the assistant where it is asked not to think
            Turn(parts, "assistant\n" + (shows && !speaks ? shown : string.Empty), (speaks ? shown : string.Empty) + (shows ? answer.TrimStart('\n') : answer), isAssistant: true);
        }

        return parts;
    }

    private static void Turn(List<ChatPart> parts, string given, string spoken, bool isAssistant = false) =>
        parts.AddRange([Marker("<|im_start|>"), Plain(given), Plain(spoken, isAssistant), Marker("<|im_end|>", isAssistant), Plain("\n")]);

    // The last message of the user that is not a tool's answer; the last message where there is none.
    private static int LastQuestion(IReadOnlyList<ChatMessage> messages)
    {
        for (int i = messages.Count - 1; i >= 0; i--)
        {
            string content = messages[i].Content;
            bool isTool = content.StartsWith("<tool_response>", StringComparison.Ordinal) && content.EndsWith("</tool_response>", StringComparison.Ordinal);
            if (messages[i].Role == ChatRole.User && !isTool)
            {
                return i;
            }
        }

        return messages.Count - 1;
    }

    private static (string Thought, string Answer) Split(string content)
    {
        string[] parts = content.Split(ThoughtEnd);
        return parts.Length == 1
            ? (string.Empty, content)
            : (parts[0].TrimEnd('\n').Split(Thought)[^1].TrimStart('\n'), parts[^1].TrimStart('\n'));
    }
}
