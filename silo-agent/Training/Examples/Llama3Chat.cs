// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;

namespace FedCloud.Training.Examples;

/// <summary>The templates of Llama 3 and of Llama 3.1 to 3.3 (<c>chat_template</c> of meta-llama/Meta-Llama-3-8B-Instruct, Llama-3.1-8B-Instruct and Llama-3.2-3B-Instruct).</summary>
/// <param name="name">The template's name.</param>
/// <param name="saysDates">Whether the system message begins with dates, as from 3.1 on. Llama 3.2 puts in the day of rendering; here the day that it has where none is known stands for good, so that the same data give the same tokens.</param>
internal sealed class Llama3Chat(string name, bool saysDates) : ChatTemplate
{
    private const string Dates = "Cutting Knowledge Date: December 2023\nToday Date: 26 Jul 2024\n\n";

    /// <inheritdoc/>
    public override string Name => name;

    /// <inheritdoc/>
    public override ImmutableArray<string> Markers => ["<|begin_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"];

    /// <inheritdoc/>
    public override string? Begin => "<|begin_of_text|>";

    /// <inheritdoc/>
    public override string? Refusal(IReadOnlyList<ChatMessage> messages) => null;

    /// <inheritdoc/>
    public override IEnumerable<ChatPart> Write(IReadOnlyList<ChatMessage> messages)
    {
        yield return Marker("<|begin_of_text|>");
        bool begins = saysDates && messages[0].Role == ChatRole.System;
        IEnumerable<ChatPart> dated = saysDates ? Turn("system", Dates + (begins ? Trim(messages[0].Content) : string.Empty), learned: false) : [];
        foreach (ChatPart part in dated.Concat(messages.Skip(begins ? 1 : 0).SelectMany(message => Turn(message.RoleName, Trim(message.Content), message.Role == ChatRole.Assistant))))
        {
            yield return part;
        }
    }

    private static IEnumerable<ChatPart> Turn(string role, string content, bool learned) =>
    [
        Marker("<|start_header_id|>"), Plain(role), Marker("<|end_header_id|>"), Plain("\n\n"), Plain(content, learned), Marker("<|eot_id|>", learned),
    ];
}
