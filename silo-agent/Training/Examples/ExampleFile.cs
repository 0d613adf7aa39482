// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;
using FedCloud.Protocol.Errors;
using FedCloud.Training.Tokenization;

namespace FedCloud.Training.Examples;

/// <summary>One example as tokens: a prompt that is read and a completion that is learned.</summary>
/// <param name="Tokens">The tokens that begin a text, prompt, newline, completion, end-of-text; cut to the longest sequence.</param>
/// <param name="PromptLength">How many of them come before the completion; they carry no loss.</param>
/// <param name="Person">Whom it is about; null unless persons were asked for.</param>
public sealed record Example(int[] Tokens, int PromptLength, string? Person = null);

/// <summary>A file of examples, one JSON object a line: <c>{"prompt": …, "completion": …}</c>, with <c>"person": …</c> where persons are the unit of privacy; other members are ignored.</summary>
/// <param name="Examples">The examples, in file order.</param>
/// <param name="Truncated">How many were longer than the longest sequence.</param>
public sealed record ExampleFile(IReadOnlyList<Example> Examples, int Truncated)
{
    private const int MaxLineLength = 4 << 20;

    /// <summary>Reads and tokenizes a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="tokenizer">The tokenizer.</param>
    /// <param name="endOfText">The token that ends a completion; null for none.</param>
    /// <param name="maxLength">The longest sequence, in tokens.</param>
    /// <param name="persons">Whether every example has to say whom it is about.</param>
    /// <exception cref="FedCloudException"><c>file_missing</c>, <c>jsonl_malformed</c> or <c>completion_empty</c> (both with the line), or <c>data_empty</c>.</exception>
    public static ExampleFile Read(string path, Tokenizer tokenizer, int? endOfText, int maxLength, bool persons = false)
    {
        string name = Path.GetFileName(path);
        try
        {
            return ReadLines(path, name, tokenizer, endOfText, maxLength, persons);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new FedCloudException(ErrorCodes.FileMissing, $"expected a readable data file {name}, found {(File.Exists(path) ? "one that cannot be read" : "none")}", cause: error);
        }
    }

    private static ExampleFile ReadLines(string path, string name, Tokenizer tokenizer, int? endOfText, int maxLength, bool persons)
    {
        List<Example> examples = [];
        int truncated = 0;
        int line = 0;
        using StreamReader reader = new(path, new UTF8Encoding(false, throwOnInvalidBytes: true));
        while (ReadLine(reader, path, name, line + 1) is { } text)
        {
            line++;
            if (string.IsNullOrWhiteSpace(text))
            {
                continue;
            }

            (string prompt, string completion, string? person) = Parse(text, persons, name, line);
            List<int> tokens = [.. tokenizer.Start, .. tokenizer.Encode(prompt + "\n")];
            int promptLength = tokens.Count;
            tokens.AddRange(tokenizer.Encode(completion));
            if (endOfText is { } end)
            {
                tokens.Add(end);
            }

            if (tokens.Count > maxLength)
            {
                truncated++;

                // A long prompt loses its beginning, at most down to half of the sequence, so that some of the completion is always learned.
                int drop = Math.Clamp(tokens.Count - maxLength, 0, Math.Max(0, promptLength - Math.Max(maxLength / 2, tokenizer.Start.Length)));
                tokens.RemoveRange(tokenizer.Start.Length, drop);
                promptLength -= drop;
                tokens = tokens[..Math.Min(tokens.Count, maxLength)];
            }

            examples.Add(new Example([.. tokens], promptLength, person));
        }

        return examples.Count > 0
            ? new ExampleFile(examples, truncated)
            : throw new FedCloudException(ErrorCodes.DataEmpty, $"{name}: expected at least one example, found none");
    }

    private static string? ReadLine(StreamReader reader, string path, string name, int line)
    {
        try
        {
            string? text = reader.ReadLine();
            return text is null || text.Length <= MaxLineLength ? text : throw Malformed(name, line, "is longer than 4 MiB");
        }
        catch (DecoderFallbackException error)
        {
            throw new FedCloudException(ErrorCodes.JsonlMalformed, $"{name}, line {BrokenLine(path)}: not valid UTF-8", cause: error);
        }
    }

    // The reader decodes ahead of the line that it returns, so the line is looked for in the bytes.
    private static int BrokenLine(string path)
    {
        using BufferedStream file = new(File.OpenRead(path));
        List<byte> bytes = [];
        int line = 1;
        for (int next = file.ReadByte(); next >= 0; next = file.ReadByte())
        {
            bytes.Add((byte)next);
            if (next != '\n')
            {
                continue;
            }

            if (!Utf8.IsValid(CollectionsMarshal.AsSpan(bytes)))
            {
                return line;
            }

            bytes.Clear();
            line++;
        }

        return line;
    }

    private static (string Prompt, string Completion, string? Person) Parse(string text, bool persons, string name, int line)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(text);
            JsonElement json = document.RootElement;
            bool complete = json.ValueKind == JsonValueKind.Object
                && json.TryGetProperty("prompt", out JsonElement prompt) && prompt.ValueKind == JsonValueKind.String
                && json.TryGetProperty("completion", out JsonElement completion) && completion.ValueKind == JsonValueKind.String;
            if (!complete)
            {
                throw Malformed(name, line, "lacks the text 'prompt' or 'completion'");
            }

            string learned = json.GetProperty("completion").GetString() ?? string.Empty;
            return learned.Length > 0
                ? (json.GetProperty("prompt").GetString() ?? string.Empty, learned, persons ? Person(json, name, line) : null)
                : throw new FedCloudException(ErrorCodes.CompletionEmpty, $"{name}, line {line}: expected a completion to learn, found an empty text");
        }
        catch (JsonException error)
        {
            throw new FedCloudException(ErrorCodes.JsonlMalformed, $"{name}, line {line}: not a JSON object", cause: error);
        }
        catch (InvalidOperationException error)
        {
            throw new FedCloudException(ErrorCodes.JsonlMalformed, $"{name}, line {line}: 'prompt' or 'completion' holds half of a surrogate pair", cause: error);
        }
    }

    private static string Person(JsonElement json, string name, int line)
    {
        try
        {
            return json.TryGetProperty("person", out JsonElement person) && person.ValueKind == JsonValueKind.String && person.GetString() is { Length: > 0 } text
                ? text
                : throw Malformed(name, line, "lacks the text 'person', which a job with the unit person needs of every example");
        }
        catch (InvalidOperationException error)
        {
            throw new FedCloudException(ErrorCodes.JsonlMalformed, $"{name}, line {line}: 'person' holds half of a surrogate pair", cause: error);
        }
    }

    private static FedCloudException Malformed(string name, int line, string what) => new(ErrorCodes.JsonlMalformed, $"{name}, line {line}: {what}");
}
