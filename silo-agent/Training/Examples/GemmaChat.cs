// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;

namespace FedCloud.Training.Examples;

/// <summary>Gemma's templates (<c>chat_template</c> of google/gemma-2-2b-it and gemma-3-4b-it): turns of user and model.</summary>
/// <param name="name">The template's name.</param>
/// <param name="allowsSystem">Whether a system message begins the first question, as from Gemma 3 on; before, it is refused.</param>
internal sealed class GemmaChat(string name, bool allowsSystem) : ChatTemplate
{
    /// <inheritdoc/>
    public override string Name => name;

    /// <inheritdoc/>
    public override ImmutableArray<string> Markers => ["<bos>", "<start_of_turn>", "<end_of_turn>"];

    /// <inheritdoc/>
    public override string? Begin => "<bos>";

    /// <inheritdoc/>
    public override string? Refusal(IReadOnlyList<ChatMessage> messages) => NotAlternating(messages, allowsSystem);

    /// <inheritdoc/>
    public override IEnumerable<ChatPart> Write(IReadOnlyList<ChatMessage> messages)
    {
        string system = messages[0].Role == ChatRole.System ? messages[0].Content + "\n\n" : string.Empty;
        yield return Marker("<bos>");
        foreach (ChatMessage message in messages.Where(message => message.Role != ChatRole.System))
        {
            bool learned = message.Role == ChatRole.Assistant;
            yield return Marker("<start_of_turn>");
            yield return Plain((learned ? "model" : message.RoleName) + "\n" + system);
            yield return Plain(Trim(message.Content), learned);
            yield return Marker("<end_of_turn>", learned);
            yield return Plain("\n");
            system = string.Empty;
        }
    }
}
