// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;

namespace FedCloud.Training.Examples;

/// <summary>Llama 2's template (<c>chat_template</c> of meta-llama/Llama-2-7b-chat-hf): each question and answer begins and ends anew.</summary>
internal sealed class Llama2Chat : ChatTemplate
{
    /// <inheritdoc/>
    public override string Name => "llama2";

    /// <inheritdoc/>
    public override ImmutableArray<string> Markers => ["<s>", "</s>"];

    /// <inheritdoc/>
    public override string? Begin => "<s>";

    /// <inheritdoc/>
    public override string? Refusal(IReadOnlyList<ChatMessage> messages) => NotAlternating(messages, allowsSystem: true);

    /// <inheritdoc/>
    public override IEnumerable<ChatPart> Write(IReadOnlyList<ChatMessage> messages)
    {
        string system = messages[0].Role == ChatRole.System ? $"<<SYS>>\n{messages[0].Content}\n<</SYS>>\n\n" : string.Empty;
        foreach (ChatMessage message in messages.Where(message => message.Role != ChatRole.System))
        {
            if (message.Role == ChatRole.User)
            {
                yield return Marker("<s>");
                yield return Plain($"[INST] {Trim(system + message.Content)} [/INST]");
                system = string.Empty;
                continue;
            }

            yield return Plain($" {Trim(message.Content)} ", learned: true);
            yield return Marker("</s>", learned: true);
        }
    }
}
