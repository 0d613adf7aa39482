// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Training.Tokenization;

/// <summary>A token beside the model's vocabulary, found in the text before it is split into words.</summary>
/// <param name="Text">What is found.</param>
/// <param name="Id">The token's id.</param>
/// <param name="Normalized">Found in normalized text, itself normalized; else in the text as it came, before the others.</param>
/// <param name="Special">Left out when decoding without special tokens, and not found in the contents of a conversation.</param>
internal sealed record AddedToken(string Text, int Id, bool Normalized, bool Special)
{
    /// <summary>The text that is looked for, and that the token decodes to.</summary>
    public string Found(ITokenAlphabet alphabet) => Normalized ? new string(alphabet.Normalize(Text, PiecePlace.AfterToken)) : Text;
}
