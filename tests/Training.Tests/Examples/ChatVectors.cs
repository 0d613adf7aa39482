// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text.Json;
using FedCloud.Training.Examples;

namespace FedCloud.Training.Tests.Examples;

/// <summary>What published templates make of conversations, from vectors/; its README says how that is made again.</summary>
internal static class ChatVectors
{
    private static readonly JsonElement Json = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Repository.Root, "tests", "Training.Tests", "Examples", "vectors", "chat.json"))).RootElement;

    public static IEnumerable<string> Names => Json.EnumerateArray().Select(entry => entry.GetProperty("name").GetString()!);

    public static ChatTemplate Template(string name) => ChatTemplates.All[Of(name).GetProperty("family").GetString()!];

    public static string? Form(string name) => Of(name).TryGetProperty("form", out JsonElement form) ? form.GetString() : null;

    public static IEnumerable<(ChatMessage[] Messages, string? Text)> Cases(string name) => Of(name).GetProperty("cases").EnumerateArray()
        .Select(entry => (Messages(entry.GetProperty("messages")), entry.TryGetProperty("text", out JsonElement text) ? text.GetString() : null));

    public static IEnumerable<(ChatMessage[] Messages, int[] Tokens)> Encoded(string name) => Of(name).GetProperty("encoded").EnumerateArray()
        .Select(entry => (Messages(entry.GetProperty("messages")), entry.GetProperty("tokens").EnumerateArray().Select(id => id.GetInt32()).ToArray()));

    private static JsonElement Of(string name) => Json.EnumerateArray().Single(entry => entry.GetProperty("name").GetString() == name);

    private static ChatMessage[] Messages(JsonElement messages) =>
        [.. messages.EnumerateArray().Select(message => new ChatMessage(Enum.Parse<ChatRole>(message.GetProperty("role").GetString()!, ignoreCase: true), message.GetProperty("content").GetString()!))];
}
