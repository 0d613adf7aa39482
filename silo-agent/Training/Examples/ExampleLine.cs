// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text.Json;
using FedCloud.Protocol.Errors;

namespace FedCloud.Training.Examples;

/// <summary>One line of a file of examples: a prompt and its completion, or a conversation.</summary>
/// <param name="Prompt">What is read; null in a conversation.</param>
/// <param name="Completion">What is learned; null in a conversation.</param>
/// <param name="Messages">The conversation; null beside a prompt.</param>
/// <param name="Person">Whom it is about; null unless persons were asked for.</param>
internal sealed record ExampleLine(string? Prompt, string? Completion, IReadOnlyList<ChatMessage>? Messages, string? Person)
{
    /// <summary>Reads a line.</summary>
    /// <param name="text">The line.</param>
    /// <param name="persons">Whether it has to say whom it is about.</param>
    /// <param name="place">File and line, for messages.</param>
    /// <exception cref="FedCloudException"><c>jsonl_malformed</c> or <c>completion_empty</c>.</exception>
    public static ExampleLine Read(string text, bool persons, string place)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(text);
            JsonElement json = document.RootElement;
            return json.ValueKind == JsonValueKind.Object && json.TryGetProperty("messages", out JsonElement messages)
                ? ReadConversation(json, messages, persons, place)
                : ReadPrompt(json, persons, place);
        }
        catch (JsonException error)
        {
            throw new FedCloudException(ErrorCodes.JsonlMalformed, $"{place}: not a JSON object", cause: error);
        }
        catch (InvalidOperationException error)
        {
            throw new FedCloudException(ErrorCodes.JsonlMalformed, $"{place}: 'prompt' or 'completion' holds half of a surrogate pair", cause: error);
        }
    }

    private static ExampleLine ReadPrompt(JsonElement json, bool persons, string place)
    {
        bool complete = json.ValueKind == JsonValueKind.Object
            && json.TryGetProperty("prompt", out JsonElement prompt) && prompt.ValueKind == JsonValueKind.String
            && json.TryGetProperty("completion", out JsonElement completion) && completion.ValueKind == JsonValueKind.String;
        if (!complete)
        {
            throw Malformed(place, "lacks the text 'prompt' or 'completion'");
        }

        string learned = json.GetProperty("completion").GetString() ?? string.Empty;
        return learned.Length > 0
            ? new ExampleLine(json.GetProperty("prompt").GetString() ?? string.Empty, learned, null, persons ? ReadPerson(json, place) : null)
            : throw Empty(place, "a completion to learn, found an empty text");
    }

    private static ExampleLine ReadConversation(JsonElement json, JsonElement messages, bool persons, string place)
    {
        if (json.TryGetProperty("prompt", out _) || json.TryGetProperty("completion", out _))
        {
            throw Malformed(place, "has 'messages' beside 'prompt' or 'completion'");
        }

        if (messages.ValueKind != JsonValueKind.Array || messages.GetArrayLength() == 0)
        {
            throw Malformed(place, "has a 'messages' that is no array of messages, or an empty one");
        }

        ChatMessage[] read = [.. messages.EnumerateArray().Select((message, i) => ReadMessage(message, i + 1, place))];
        return read.Any(message => message.Role == ChatRole.Assistant && message.Content.Length > 0)
            ? new ExampleLine(null, null, read, persons ? ReadPerson(json, place) : null)
            : throw Empty(place, "a message of the assistant to learn, found none or only empty ones");
    }

    private static ChatMessage ReadMessage(JsonElement message, int number, string place)
    {
        if (message.ValueKind != JsonValueKind.Object)
        {
            throw Malformed(place, $"message {number} is not an object with 'role' and 'content'");
        }

        // Members that a template would write, as calls of tools, are not left out silently.
        if (message.EnumerateObject().Select(member => member.Name).FirstOrDefault(name => name is not ("role" or "content")) is not null)
        {
            throw Malformed(place, $"message {number} has a member beside 'role' and 'content'");
        }

        ChatRole? role = !message.TryGetProperty("role", out JsonElement given) || given.ValueKind != JsonValueKind.String ? null
            : given.ValueEquals("system") ? ChatRole.System
            : given.ValueEquals("user") ? ChatRole.User
            : given.ValueEquals("assistant") ? ChatRole.Assistant
            : null;
        if (role is null)
        {
            throw Malformed(place, $"message {number} has another role than system, user and assistant");
        }

        if (!message.TryGetProperty("content", out JsonElement content) || content.ValueKind != JsonValueKind.String)
        {
            throw Malformed(place, $"message {number} has a 'content' that is not a text");
        }

        try
        {
            return new ChatMessage(role.Value, content.GetString() ?? string.Empty);
        }
        catch (InvalidOperationException error)
        {
            throw new FedCloudException(ErrorCodes.JsonlMalformed, $"{place}: message {number} holds half of a surrogate pair", cause: error);
        }
    }

    private static string ReadPerson(JsonElement json, string place)
    {
        try
        {
            return json.TryGetProperty("person", out JsonElement person) && person.ValueKind == JsonValueKind.String && person.GetString() is { Length: > 0 } text
                ? text
                : throw Malformed(place, "lacks the text 'person', which a job with the unit person needs of every example");
        }
        catch (InvalidOperationException error)
        {
            throw new FedCloudException(ErrorCodes.JsonlMalformed, $"{place}: 'person' holds half of a surrogate pair", cause: error);
        }
    }

    private static FedCloudException Malformed(string place, string what) => new(ErrorCodes.JsonlMalformed, $"{place}: {what}");

    private static FedCloudException Empty(string place, string what) => new(ErrorCodes.CompletionEmpty, $"{place}: expected {what}");
}
