// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace FedCloud.Training.Tokenization;

/// <summary>Learns byte-level BPE merges from text (Sennrich et al. 2016, Algorithm 1), for the sample base model.</summary>
public static class BpeTrainer
{
    /// <summary>The end-of-text token, which follows the merges.</summary>
    public const string EndOfText = "<|endoftext|>";

    /// <summary>Writes a <c>tokenizer.json</c>.</summary>
    /// <param name="text">The text to learn from.</param>
    /// <param name="size">The vocabulary's size, end-of-text included: at least 257.</param>
    /// <param name="path">The file.</param>
    public static void Train(string text, int size, string path)
    {
        List<(List<string> Tokens, int Count)> words =
        [
            .. Gpt2Words.All(text)
                .GroupBy(word => word, StringComparer.Ordinal)
                .OrderBy(group => group.Key, StringComparer.Ordinal)
                .Select(group => (Encoding.UTF8.GetBytes(group.Key).Select(b => ByteAlphabet.Letters[b].ToString()).ToList(), group.Count())),
        ];
        List<string> vocabulary = [.. ByteAlphabet.Letters.Select(letter => letter.ToString()).Order(StringComparer.Ordinal)];
        List<(string Left, string Right)> merges = [];
        while (vocabulary.Count < size - 1 && MostFrequent(words) is { } pair)
        {
            merges.Add(pair);
            vocabulary.Add(pair.Left + pair.Right);
            Merge(words, pair);
        }

        Write(path, vocabulary, merges);
    }

    // The most frequent pair; of equals the first by ordinal text, so that the result is the same everywhere.
    private static (string Left, string Right)? MostFrequent(List<(List<string> Tokens, int Count)> words)
    {
        Dictionary<(string, string), int> counts = [];
        foreach ((List<string> tokens, int count) in words)
        {
            for (int i = 0; i + 1 < tokens.Count; i++)
            {
                counts[(tokens[i], tokens[i + 1])] = counts.GetValueOrDefault((tokens[i], tokens[i + 1])) + count;
            }
        }

        return counts.Count == 0 || counts.Values.Max() < 2
            ? null
            : counts.OrderByDescending(pair => pair.Value).ThenBy(pair => pair.Key.Item1, StringComparer.Ordinal).ThenBy(pair => pair.Key.Item2, StringComparer.Ordinal).First().Key;
    }

    private static void Merge(List<(List<string> Tokens, int Count)> words, (string Left, string Right) pair)
    {
        foreach ((List<string> tokens, _) in words)
        {
            for (int i = 0; i + 1 < tokens.Count; i++)
            {
                if (string.Equals(tokens[i], pair.Left, StringComparison.Ordinal) && string.Equals(tokens[i + 1], pair.Right, StringComparison.Ordinal))
                {
                    tokens[i] += tokens[i + 1];
                    tokens.RemoveAt(i + 1);
                }
            }
        }
    }

    private static void Write(string path, List<string> vocabulary, List<(string Left, string Right)> merges)
    {
        using FileStream stream = File.Create(path);
        using Utf8JsonWriter json = new(stream, new JsonWriterOptions { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
        json.WriteStartObject();
        json.WriteString("version", "1.0");
        json.WriteStartArray("added_tokens");
        json.WriteStartObject();
        json.WriteNumber("id", vocabulary.Count);
        json.WriteString("content", EndOfText);
        foreach (string flag in (string[])["single_word", "lstrip", "rstrip", "normalized"])
        {
            json.WriteBoolean(flag, false);
        }

        json.WriteBoolean("special", true);
        json.WriteEndObject();
        json.WriteEndArray();
        json.WriteNull("normalizer");
        foreach (string part in (string[])["pre_tokenizer", "decoder"])
        {
            json.WriteStartObject(part);
            json.WriteString("type", "ByteLevel");
            json.WriteBoolean("add_prefix_space", false);
            json.WriteBoolean("trim_offsets", true);
            json.WriteBoolean("use_regex", true);
            json.WriteEndObject();
        }

        json.WriteNull("post_processor");
        json.WriteStartObject("model");
        json.WriteString("type", "BPE");
        json.WriteStartObject("vocab");
        for (int id = 0; id < vocabulary.Count; id++)
        {
            json.WriteNumber(vocabulary[id], id);
        }

        json.WriteEndObject();
        json.WriteStartArray("merges");
        foreach ((string left, string right) in merges)
        {
            json.WriteStringValue(left + " " + right);
        }

        json.WriteEndArray();
        json.WriteEndObject();
        json.WriteEndObject();
    }
}
