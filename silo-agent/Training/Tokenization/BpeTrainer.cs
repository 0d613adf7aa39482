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
        List<string> vocabulary = [.. ByteAlphabet.Letters.Select(letter => letter.ToString()).Order(StringComparer.Ordinal)];
        Dictionary<char, int> letters = vocabulary.Select((letter, id) => (letter[0], id)).ToDictionary(pair => pair.Item1, pair => pair.id);
        PairCounts pairs = new(Gpt2Words.All(text)
            .CountBy(word => word, StringComparer.Ordinal)
            .Select(word => (Encoding.UTF8.GetBytes(word.Key).Select(b => letters[ByteAlphabet.Letters[b]]).ToArray(), word.Value)));
        List<(string Left, string Right)> merges = [];
        while (vocabulary.Count < size - 1 && pairs.MostFrequent(vocabulary) is { } pair)
        {
            pairs.Merge(pair, vocabulary.Count);
            merges.Add((vocabulary[pair.Left], vocabulary[pair.Right]));
            vocabulary.Add(vocabulary[pair.Left] + vocabulary[pair.Right]);
        }

        Write(path, vocabulary, merges);
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

    /// <summary>How often pairs of tokens occur, and in which words; a merge touches only the words that hold the pair.</summary>
    private sealed class PairCounts
    {
        private readonly List<(int[] Tokens, int Count)> _words;
        private readonly Dictionary<(int Left, int Right), int> _counts = [];
        private readonly Dictionary<(int Left, int Right), HashSet<int>> _places = [];

        public PairCounts(IEnumerable<(int[] Tokens, int Count)> words)
        {
            _words = [.. words];
            for (int word = 0; word < _words.Count; word++)
            {
                Count(word, 1);
            }
        }

        /// <summary>The most frequent pair, at least twice; of equals the first by ordinal text, so that the result is the same everywhere.</summary>
        public (int Left, int Right)? MostFrequent(List<string> vocabulary)
        {
            int most = _counts.Values.DefaultIfEmpty().Max();
            return most < 2
                ? null
                : _counts.Where(pair => pair.Value == most).Select(pair => pair.Key)
                    .OrderBy(pair => vocabulary[pair.Left], StringComparer.Ordinal).ThenBy(pair => vocabulary[pair.Right], StringComparer.Ordinal).First();
        }

        public void Merge((int Left, int Right) pair, int merged)
        {
            foreach (int word in _places[pair].ToArray())
            {
                Count(word, -1);
                _words[word] = (Merge(_words[word].Tokens, pair, merged), _words[word].Count);
                Count(word, 1);
            }
        }

        // From the left, each token in one merge at most.
        private static int[] Merge(int[] tokens, (int Left, int Right) pair, int merged)
        {
            List<int> result = new(tokens.Length);
            for (int i = 0; i < tokens.Length; i++)
            {
                bool found = i + 1 < tokens.Length && tokens[i] == pair.Left && tokens[i + 1] == pair.Right;
                result.Add(found ? merged : tokens[i]);
                i += found ? 1 : 0;
            }

            return [.. result];
        }

        private void Count(int word, int sign)
        {
            (int[] tokens, int count) = _words[word];
            for (int i = 0; i + 1 < tokens.Length; i++)
            {
                (int, int) pair = (tokens[i], tokens[i + 1]);
                _counts[pair] = _counts.GetValueOrDefault(pair) + (sign * count);
                if (!_places.TryGetValue(pair, out HashSet<int>? words))
                {
                    _places[pair] = words = [];
                }

                if (sign > 0)
                {
                    words.Add(word);
                }
                else
                {
                    words.Remove(word);
                }
            }

            foreach ((int, int) pair in tokens.Zip(tokens.Skip(1)).Where(pair => _counts.GetValueOrDefault(pair, 1) == 0))
            {
                _counts.Remove(pair);
                _places.Remove(pair);
            }
        }
    }
}
