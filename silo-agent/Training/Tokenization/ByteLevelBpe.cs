// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using FedCloud.Protocol.Errors;

namespace FedCloud.Training.Tokenization;

/// <summary>A byte-level BPE tokenizer (Radford et al. 2019) from Hugging Face's <c>tokenizer.json</c>.</summary>
public sealed partial class ByteLevelBpe
{
    private const int CacheLimit = 100_000;
    private const int CachedWordLength = 64;

    // What would change the tokens and is not implemented.
    private static readonly string[] ModelOptions = ["dropout", "continuing_subword_prefix", "end_of_word_suffix", "byte_fallback", "ignore_merges"];
    private static readonly string[] AddedOptions = ["single_word", "lstrip", "rstrip"];

    private readonly Dictionary<string, int> _vocabulary;
    private readonly Dictionary<(int Left, int Right), (int Rank, int Merged)> _merges;
    private readonly int[] _byteIds;
    private readonly Dictionary<int, byte[]> _bytes;
    private readonly (string Text, int Id)[] _added;
    private readonly Dictionary<string, int[]> _cache = new(StringComparer.Ordinal);

    private ByteLevelBpe(Dictionary<string, int> vocabulary, List<(string Left, string Right)> merges, (string Text, int Id)[] added)
    {
        _vocabulary = vocabulary;
        _added = added;
        _byteIds = [.. Enumerable.Range(0, 256).Select(b => vocabulary.TryGetValue(ByteAlphabet.Letters[b].ToString(), out int id) ? id : throw Unsupported("the vocabulary lacks a byte"))];
        _bytes = vocabulary.ToDictionary(entry => entry.Value, entry => ByteAlphabet.ToBytes(entry.Key));
        _merges = [];
        for (int rank = 0; rank < merges.Count; rank++)
        {
            (string left, string right) = merges[rank];
            if (!vocabulary.TryGetValue(left, out int l) || !vocabulary.TryGetValue(right, out int r) || !vocabulary.TryGetValue(left + right, out int merged))
            {
                throw Unsupported("a merge names a token that the vocabulary lacks");
            }

            _merges[(l, r)] = (rank, merged);
        }
    }

    /// <summary>One more than the largest token id.</summary>
    public int Size => Math.Max(_vocabulary.Values.Max(), _added.Length == 0 ? 0 : _added.Max(token => token.Id)) + 1;

    /// <summary>Makes a tokenizer from its parts.</summary>
    internal static ByteLevelBpe Of(Dictionary<string, int> vocabulary, List<(string Left, string Right)> merges, (string Text, int Id)[] added) => new(vocabulary, merges, added);

    /// <summary>Reads <c>tokenizer.json</c>.</summary>
    /// <exception cref="FedCloudException"><c>base_model_missing</c> or <c>tokenizer_unsupported</c>.</exception>
    public static ByteLevelBpe Read(string path)
    {
        if (!File.Exists(path))
        {
            throw new FedCloudException(ErrorCodes.BaseModelMissing, "expected tokenizer.json in the base model's folder, found none");
        }

        try
        {
            using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(path));
            return Parse(document.RootElement);
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or KeyNotFoundException or FormatException or ArgumentException)
        {
            throw new FedCloudException(ErrorCodes.TokenizerUnsupported, "tokenizer.json does not have the form of a byte-level BPE", cause: error);
        }
    }

    /// <summary>The id of an added token; null when there is none of this text.</summary>
    public int? AddedToken(string text) => _added.Where(token => string.Equals(token.Text, text, StringComparison.Ordinal)).Select(token => (int?)token.Id).FirstOrDefault();

    /// <summary>Text to token ids.</summary>
    public List<int> Encode(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        List<int> ids = [];
        int at = 0;
        while (at < text.Length)
        {
            (int start, (string Text, int Id) token) = NextAdded(text, at);
            int end = start < 0 ? text.Length : start;
            foreach (string word in Words(text[at..end]))
            {
                ids.AddRange(EncodeWord(word));
            }

            if (start < 0)
            {
                break;
            }

            ids.Add(token.Id);
            at = start + token.Text.Length;
        }

        return ids;
    }

    /// <summary>Token ids to text; bytes that are no UTF-8 become U+FFFD.</summary>
    public string Decode(IEnumerable<int> ids)
    {
        List<byte> bytes = [];
        foreach (int id in ids)
        {
            bytes.AddRange(_bytes.TryGetValue(id, out byte[]? known) ? known : Encoding.UTF8.GetBytes(_added.FirstOrDefault(token => token.Id == id).Text ?? string.Empty));
        }

        return Encoding.UTF8.GetString([.. bytes]);
    }

    /// <summary>Splits text as GPT-2 does before merging.</summary>
    internal static IEnumerable<string> Words(string text)
    {
        // .NET's classes look at UTF-16 units: a character beyond the basic plane is matched as a stand-in of its class.
        StringBuilder stand = new(text.Length);
        List<int> at = new(text.Length + 1);
        int position = 0;
        foreach (Rune rune in text.EnumerateRunes())
        {
            at.Add(position);
            stand.Append(rune.IsBmp ? (char)rune.Value : StandIn(rune));
            position += rune.Utf16SequenceLength;
        }

        at.Add(text.Length);
        string matched = stand.ToString();
        foreach ((int index, int length) in Gpt2Pattern().EnumerateMatches(matched).ToList())
        {
            yield return text[at[index]..at[index + length]];
        }
    }

    private static ByteLevelBpe Parse(JsonElement json)
    {
        JsonElement model = json.GetProperty("model");
        JsonElement before = json.GetProperty("pre_tokenizer");
        bool known = string.Equals(model.GetProperty("type").GetString(), "BPE", StringComparison.Ordinal)
            && IsByteLevel(before)
            && (!before.TryGetProperty("add_prefix_space", out JsonElement space) || !space.GetBoolean())
            && (!before.TryGetProperty("use_regex", out JsonElement regex) || regex.GetBoolean())
            && IsOff(json, "normalizer")
            && (IsOff(json, "post_processor") || IsByteLevel(json.GetProperty("post_processor")));
        if (!known)
        {
            throw Unsupported("expected a BPE model with the ByteLevel pre-tokenizer and GPT-2's pattern, no prefix space, no normalizer and no added start or end");
        }

        foreach (string option in ModelOptions.Where(option => !IsOff(model, option)))
        {
            throw Unsupported($"expected model.{option} to be switched off");
        }

        Dictionary<string, int> vocabulary = model.GetProperty("vocab").EnumerateObject().ToDictionary(entry => entry.Name, entry => entry.Value.GetInt32(), StringComparer.Ordinal);
        List<(string, string)> merges = [.. model.GetProperty("merges").EnumerateArray().Select(ReadMerge)];
        (string, int)[] added = json.TryGetProperty("added_tokens", out JsonElement tokens)
            ? [.. tokens.EnumerateArray().Select(ReadAdded)]
            : [];
        return new ByteLevelBpe(vocabulary, merges, added);
    }

    private static bool IsByteLevel(JsonElement part) =>
        part.ValueKind == JsonValueKind.Object && string.Equals(part.GetProperty("type").GetString(), "ByteLevel", StringComparison.Ordinal);

    // Absent, null, false and the empty text all mean that an option is not used.
    private static bool IsOff(JsonElement json, string member) =>
        !json.TryGetProperty(member, out JsonElement value)
        || value.ValueKind is JsonValueKind.Null or JsonValueKind.False
        || (value.ValueKind == JsonValueKind.String && string.IsNullOrEmpty(value.GetString()));

    private static (string Text, int Id) ReadAdded(JsonElement token)
    {
        string text = token.GetProperty("content").GetString() ?? string.Empty;
        foreach (string option in AddedOptions.Where(option => !IsOff(token, option)))
        {
            throw Unsupported($"expected added tokens with {option} switched off");
        }

        int id = token.GetProperty("id").GetInt32();
        return text.Length > 0 && id >= 0 ? (text, id) : throw Unsupported("an added token is empty or has a negative id");
    }

    private static (string Left, string Right) ReadMerge(JsonElement merge)
    {
        string[] parts = merge.ValueKind == JsonValueKind.Array
            ? [.. merge.EnumerateArray().Select(part => part.GetString() ?? string.Empty)]
            : (merge.GetString() ?? string.Empty).Split(' ');
        return parts.Length == 2 ? (parts[0], parts[1]) : throw Unsupported("a merge does not have two parts");
    }

    private (int Start, (string Text, int Id) Token) NextAdded(string text, int from)
    {
        (int Start, (string Text, int Id) Token) next = (-1, default);
        foreach ((string Text, int Id) token in _added)
        {
            int start = text.IndexOf(token.Text, from, StringComparison.Ordinal);
            if (start >= 0 && (next.Start < 0 || start < next.Start || (start == next.Start && token.Text.Length > (next.Token.Text?.Length ?? 0))))
            {
                next = (start, token);
            }
        }

        return next;
    }

    private int[] EncodeWord(string word)
    {
        if (_cache.TryGetValue(word, out int[]? known))
        {
            return known;
        }

        int[] encoded = new MergedWord([.. Encoding.UTF8.GetBytes(word).Select(b => _byteIds[b])], _merges).Merge();
        if (_cache.Count < CacheLimit && word.Length <= CachedWordLength)
        {
            _cache[word] = encoded;
        }

        return encoded;
    }

    private static char StandIn(Rune rune) => Rune.GetUnicodeCategory(rune) switch
    {
        UnicodeCategory.UppercaseLetter or UnicodeCategory.LowercaseLetter or UnicodeCategory.TitlecaseLetter
            or UnicodeCategory.ModifierLetter or UnicodeCategory.OtherLetter => '\u4e00',
        UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber => '\u0664',
        _ => '\u2603',
    };

    private static FedCloudException Unsupported(string found) => new(ErrorCodes.TokenizerUnsupported, $"tokenizer.json: {found}");

    [GeneratedRegex(@"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+", RegexOptions.CultureInvariant)]
    private static partial Regex Gpt2Pattern();
}

/// <summary>The merging of one word: always the pair of lowest rank, of equals the leftmost (Sennrich et al. 2016, Algorithm 1).</summary>
/// <remarks>A linked list of tokens and a queue of pairs, so that a word of n bytes costs n·log n: words without spaces can be long.</remarks>
/// <param name="ids">The word's bytes as tokens; overwritten.</param>
/// <param name="merges">Rank and result of each pair.</param>
internal sealed class MergedWord(int[] ids, Dictionary<(int Left, int Right), (int Rank, int Merged)> merges)
{
    private const int Gone = -1;

    private readonly int[] _next = [.. Enumerable.Range(1, ids.Length)];
    private readonly int[] _previous = [.. Enumerable.Range(-1, ids.Length)];
    private readonly PriorityQueue<(int At, int Left, int Right), (int Rank, int At)> _pairs = new();

    /// <summary>The tokens that are left.</summary>
    public int[] Merge()
    {
        for (int i = 0; i + 1 < ids.Length; i++)
        {
            Offer(i);
        }

        while (_pairs.TryDequeue(out (int At, int Left, int Right) pair, out _))
        {
            int right = ids[pair.At] == pair.Left ? _next[pair.At] : ids.Length;
            if (right == ids.Length || ids[right] != pair.Right)
            {
                continue; // one of the two was merged since
            }

            ids[pair.At] = merges[(pair.Left, pair.Right)].Merged;
            ids[right] = Gone;
            _next[pair.At] = _next[right];
            if (_next[right] < ids.Length)
            {
                _previous[_next[right]] = pair.At;
                Offer(pair.At);
            }

            if (_previous[pair.At] >= 0)
            {
                Offer(_previous[pair.At]);
            }
        }

        return [.. ids.Where(id => id != Gone)];
    }

    private void Offer(int at)
    {
        (int Left, int Right) pair = (ids[at], ids[_next[at]]);
        if (merges.TryGetValue(pair, out (int Rank, int Merged) merge))
        {
            _pairs.Enqueue((at, pair.Left, pair.Right), (merge.Rank, at));
        }
    }
}

/// <summary>GPT-2's printable letters for the 256 bytes.</summary>
internal static class ByteAlphabet
{
    /// <summary>The letter of each byte: itself where it is printable Latin-1, else the next one from U+0100.</summary>
    public static char[] Letters { get; } = Make();

    private static readonly Dictionary<char, byte> Bytes = Letters.Select((letter, b) => (letter, b)).ToDictionary(pair => pair.letter, pair => (byte)pair.b);

    /// <summary>The bytes of a token.</summary>
    public static byte[] ToBytes(string token) => [.. token.Where(Bytes.ContainsKey).Select(letter => Bytes[letter])];

    private static char[] Make()
    {
        char[] letters = new char[256];
        int next = 256;
        for (int b = 0; b < 256; b++)
        {
            bool printable = b is (>= 33 and <= 126) or (>= 161 and <= 172) or (>= 174 and <= 255);
            letters[b] = printable ? (char)b : (char)next++;
        }

        return letters;
    }
}

/// <summary>Matches as a list, since an enumerator over spans cannot cross a yield.</summary>
internal static class ValueMatchList
{
    /// <summary>All matches.</summary>
    public static List<(int Index, int Length)> ToList(this Regex.ValueMatchEnumerator matches)
    {
        List<(int Index, int Length)> list = [];
        foreach (ValueMatch match in matches)
        {
            list.Add((match.Index, match.Length));
        }

        return list;
    }
}
