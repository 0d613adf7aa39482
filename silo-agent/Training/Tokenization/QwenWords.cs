// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Training.Tokenization;

/// <summary>The split of Qwen 2, 2.5 and 3 (the pattern in their <c>tokenizer.json</c>): Llama 3's, with each digit a word.</summary>
public static class QwenWords
{
    /// <summary>The expression that the scanner stands for.</summary>
    public const string Pattern = @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    /// <summary>The length of the first word.</summary>
    /// <param name="text">The text; not empty.</param>
    public static int First(ReadOnlySpan<char> text) => Llama3Words.First(text, longestNumber: 1);
}
