// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;

namespace FedCloud.Training.Examples;

/// <summary>Mistral's templates, which differ in spaces, in what their brackets are, and in where a system message goes.</summary>
/// <remarks>
/// Published as <c>chat_template</c> of mistralai/Mistral-7B-Instruct-v0.1 to v0.3 and Mistral-Nemo-Instruct-2407. Versions 3
/// put the system message before the last message where that is the user's, so at the time of an answer it is before the
/// last question. It is there here too, also when the answer follows.
/// </remarks>
/// <param name="name">The template's name.</param>
internal sealed class MistralChat(string name) : ChatTemplate
{
    /// <summary>The first one, without a system role.</summary>
    public static readonly MistralChat V0 = new("mistral-v0") { Opening = "[INST] ", Closing = " [/INST]" };

    /// <summary>Version 1: the brackets are text, and the system message begins the first question.</summary>
    public static readonly MistralChat V1 = new("mistral-v1") { Opening = " [INST] ", Closing = " [/INST]", BeforeAnswer = " ", AllowsSystem = true };

    /// <summary>Version 3: the brackets are tokens.</summary>
    public static readonly MistralChat V3 = new("mistral-v3") { Opening = " ", BeforeAnswer = " ", AllowsSystem = true, HasTokens = true, TrimsAnswers = true };

    /// <summary>Version 3 with a byte-level tokenizer: no spaces.</summary>
    public static readonly MistralChat V3Tekken = new("mistral-v3-tekken") { AllowsSystem = true, HasTokens = true };

    /// <inheritdoc/>
    public override string Name => name;

    /// <inheritdoc/>
    public override ImmutableArray<string> Markers => HasTokens ? ["<s>", "</s>", "[INST]", "[/INST]"] : ["<s>", "</s>"];

    /// <inheritdoc/>
    public override string? Begin => "<s>";

    private string Opening { get; init; } = string.Empty;

    private string Closing { get; init; } = string.Empty;

    private string BeforeAnswer { get; init; } = string.Empty;

    private bool AllowsSystem { get; init; }

    private bool HasTokens { get; init; }

    private bool TrimsAnswers { get; init; }

    /// <inheritdoc/>
    public override string? Refusal(IReadOnlyList<ChatMessage> messages) => NotAlternating(messages, AllowsSystem);

    /// <inheritdoc/>
    public override IEnumerable<ChatPart> Write(IReadOnlyList<ChatMessage> messages)
    {
        ChatMessage[] turns = [.. messages.Where(message => message.Role != ChatRole.System)];
        string system = messages[0].Role == ChatRole.System ? messages[0].Content + "\n\n" : string.Empty;
        int systemAt = HasTokens ? Array.FindLastIndex(turns, message => message.Role == ChatRole.User) : 0;
        yield return Marker("<s>");
        for (int i = 0; i < turns.Length; i++)
        {
            foreach (ChatPart part in turns[i].Role == ChatRole.User ? Question((i == systemAt ? system : string.Empty) + turns[i].Content) : Answer(turns[i].Content))
            {
                yield return part;
            }
        }
    }

    private IEnumerable<ChatPart> Question(string content) => HasTokens
        ? [Marker("[INST]"), Plain(Opening + content), Marker("[/INST]")]
        : [Plain(Opening + content + Closing)];

    private IEnumerable<ChatPart> Answer(string content) =>
        [Plain(BeforeAnswer + (TrimsAnswers ? Trim(content) : content), learned: true), Marker("</s>", learned: true)];
}
