// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;

namespace FedCloud.Training.Examples;

/// <summary>How a family of models wants a conversation written: what its published template does, for messages of text.</summary>
/// <remarks>A published template is a Jinja program; these are its meaning, held to it by rendered vectors. The assistant learns its words and the token that ends its turn.</remarks>
public abstract class ChatTemplate
{
    private static readonly char[] Whitespace = [.. "\t\n\v\f\r\u001c\u001d\u001e\u001f \u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"];

    private protected ChatTemplate()
    {
    }

    /// <summary>The template's name in messages and documents.</summary>
    public abstract string Name { get; }

    /// <summary>The added tokens that it needs.</summary>
    public abstract ImmutableArray<string> Markers { get; }

    /// <summary>The added token that begins a conversation; null where none does.</summary>
    public abstract string? Begin { get; }

    /// <summary>Why the template cannot write a conversation, as the published one raises; null when it can.</summary>
    /// <param name="messages">The messages; not empty.</param>
    public abstract string? Refusal(IReadOnlyList<ChatMessage> messages);

    /// <summary>Writes a conversation.</summary>
    /// <param name="messages">The messages, which are not refused.</param>
    public abstract IEnumerable<ChatPart> Write(IReadOnlyList<ChatMessage> messages);

    /// <summary>A text without white space around it, as Python's <c>strip</c> and Jinja's <c>trim</c> have it.</summary>
    private protected static string Trim(string text) => text.Trim(Whitespace);

    private protected static ChatPart Marker(string text, bool learned = false) => new(text, IsMarker: true, learned);

    private protected static ChatPart Plain(string text, bool learned = false) => new(text, IsMarker: false, learned);

    /// <summary>What published templates with turns raise: after an optional system message, user and assistant alternate, beginning with the user.</summary>
    private protected static string? NotAlternating(IReadOnlyList<ChatMessage> messages, bool allowsSystem)
    {
        int first = messages[0].Role == ChatRole.System ? 1 : 0;
        if (first == 1 && !allowsSystem)
        {
            return "this model's template has no system role";
        }

        for (int i = first; i < messages.Count; i++)
        {
            ChatRole expected = (i - first) % 2 == 0 ? ChatRole.User : ChatRole.Assistant;
            if (messages[i].Role != expected)
            {
                return $"this model's template has user and assistant speak in turns{(allowsSystem ? " after an optional system message" : string.Empty)}, but message {i + 1} is of {messages[i].RoleName}";
            }
        }

        return null;
    }
}
