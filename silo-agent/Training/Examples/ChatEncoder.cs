// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text;
using FedCloud.Protocol.Errors;
using FedCloud.Training.Tokenization;

namespace FedCloud.Training.Examples;

/// <summary>Turns conversations into tokens: markers by their ids, all else as text in which no special token is found, whatever it says.</summary>
/// <remarks>Text between two markers is encoded as one, as it is when a model is asked, but for a cut where the assistant begins to speak: there a model that is asked begins with a token of its own.</remarks>
public sealed class ChatEncoder
{
    private readonly ChatTemplate _template;
    private readonly Dictionary<string, int> _markers = new(StringComparer.Ordinal);
    private readonly TokenFinder _finder;

    /// <summary>Prepares the encoder.</summary>
    /// <param name="tokenizer">The tokenizer.</param>
    /// <param name="template">The template.</param>
    /// <exception cref="FedCloudException"><c>chat_template_missing</c> when the tokenizer lacks one of the template's markers.</exception>
    public ChatEncoder(Tokenizer tokenizer, ChatTemplate template)
    {
        ArgumentNullException.ThrowIfNull(tokenizer);
        ArgumentNullException.ThrowIfNull(template);
        _template = template;
        foreach (string marker in template.Markers)
        {
            _markers[marker] = tokenizer.AddedToken(marker)
                ?? throw new FedCloudException(ErrorCodes.ChatTemplateMissing, $"expected the added token {marker} of the template {template.Name} in tokenizer.json, found none");
        }

        _finder = tokenizer.WithoutSpecial(_markers.Values);
    }

    /// <summary>How many tokens begin every conversation.</summary>
    public int BeginLength => _template.Begin is null ? 0 : 1;

    /// <summary>Why the template cannot write a conversation; null when it can.</summary>
    public string? Refusal(IReadOnlyList<ChatMessage> messages) => _template.Refusal(messages);

    /// <summary>The whole conversation as an example, however long.</summary>
    /// <param name="messages">The messages, which the template does not refuse.</param>
    /// <param name="person">Whom it is about.</param>
    /// <exception cref="FedCloudException"><c>tokenizer_unsupported</c> when a special token is a single letter of the text.</exception>
    public Example Encode(IReadOnlyList<ChatMessage> messages, string? person = null)
    {
        List<int> ids = [];
        List<TokenSpan> learned = [];
        StringBuilder text = new();
        PiecePlace place = PiecePlace.Start;
        bool spoken = false;
        foreach (ChatPart part in _template.Write(messages).Where(part => part.Text.Length > 0))
        {
            if (part.IsMarker || part.IsLearned != spoken)
            {
                place = Flush(text, ids, place, spoken ? learned : null);
            }

            spoken = part.IsLearned;
            if (part.IsMarker)
            {
                ids.Add(_markers[part.Text]);
                place = PiecePlace.AfterToken;
                Learn(spoken ? learned : null, ids.Count - 1, ids.Count);
                continue;
            }

            text.Append(part.Text);
        }

        Flush(text, ids, place, spoken ? learned : null);
        return new Example([.. ids], [.. learned], person);
    }

    private PiecePlace Flush(StringBuilder text, List<int> ids, PiecePlace place, List<TokenSpan>? learned)
    {
        if (text.Length == 0)
        {
            return place;
        }

        int start = ids.Count;
        foreach (int id in new TokenEnumerator(_finder, Tokenizer.WellFormed(text.ToString()), place))
        {
            ids.Add(!_finder.IsHidden(id) ? id : throw new FedCloudException(ErrorCodes.TokenizerUnsupported, $"tokenizer.json: expected no special token that is a letter of text, found the id {id}"));
        }

        text.Clear();
        Learn(learned, start, ids.Count);
        return PiecePlace.Inside;
    }

    // Tokens that go on from the last span lengthen it.
    private static void Learn(List<TokenSpan>? learned, int start, int end)
    {
        if (learned is [.., { } last] && last.End == start)
        {
            learned[^1] = last with { End = end };
        }
        else if (learned is not null && end > start)
        {
            learned.Add(new TokenSpan(start, end));
        }
    }
}
