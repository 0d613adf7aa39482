// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Training.Tokenization;

/// <summary>How a family of tokenizers writes text in the letters of its tokens, before any merge and after the last: by bytes, or as SentencePiece does.</summary>
internal interface ITokenAlphabet
{
    /// <summary>A piece of text in the form in which the rest of the added tokens are looked for.</summary>
    ReadOnlySpan<char> Normalize(ReadOnlySpan<char> text, PiecePlace place);

    /// <summary>A run of normalized text that holds no added token, ready to be split.</summary>
    ReadOnlySpan<char> Prepare(ReadOnlySpan<char> run, PiecePlace place);

    /// <summary>The length of the first word; the text is not empty.</summary>
    int FirstWord(ReadOnlySpan<char> text);

    /// <summary>Writes a word's tokens before any merge.</summary>
    /// <param name="word">The word.</param>
    /// <param name="ids">The tokens; made longer where they do not fit.</param>
    /// <returns>How many they are.</returns>
    int Symbols(ReadOnlySpan<char> word, ref int[] ids);

    /// <summary>The token that is a word without any merge, where the file asks for that.</summary>
    int? Whole(ReadOnlySpan<char> word);

    /// <summary>The text of tokens.</summary>
    string Decode(IEnumerable<string> tokens);
}
