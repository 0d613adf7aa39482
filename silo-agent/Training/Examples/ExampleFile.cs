// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Runtime.InteropServices;
using System.Text;
using System.Text.Unicode;
using FedCloud.Protocol.Errors;
using FedCloud.Training.Tokenization;

namespace FedCloud.Training.Examples;

/// <summary>A file of examples, one JSON object a line: <c>{"prompt": …, "completion": …}</c> or <c>{"messages": […]}</c>, with <c>"person": …</c> where persons are the unit of privacy; other members are ignored.</summary>
/// <param name="Examples">The examples, in file order.</param>
/// <param name="Truncated">How many were longer than the longest sequence.</param>
public sealed record ExampleFile(IReadOnlyList<Example> Examples, int Truncated)
{
    private const int MaxLineLength = 4 << 20;

    /// <summary>Reads and tokenizes a file without conversations.</summary>
    /// <param name="path">The file.</param>
    /// <param name="tokenizer">The tokenizer.</param>
    /// <param name="endOfText">The token that ends a completion; null for none.</param>
    /// <param name="maxLength">The longest sequence, in tokens.</param>
    /// <param name="persons">Whether every example has to say whom it is about.</param>
    public static ExampleFile Read(string path, Tokenizer tokenizer, int? endOfText, int maxLength, bool persons = false) =>
        Read(path, new ExampleEncoder(tokenizer, endOfText, maxLength) { Persons = persons });

    /// <summary>Reads and tokenizes a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="encoder">Makes examples of its lines.</param>
    /// <exception cref="FedCloudException"><c>file_missing</c>, <c>data_empty</c>, or a code of <see cref="ExampleEncoder.Encode"/> with the line.</exception>
    public static ExampleFile Read(string path, ExampleEncoder encoder)
    {
        ArgumentNullException.ThrowIfNull(encoder);
        string name = Path.GetFileName(path);
        try
        {
            return ReadLines(path, name, encoder);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new FedCloudException(ErrorCodes.FileMissing, $"expected a readable data file {name}, found {(File.Exists(path) ? "one that cannot be read" : "none")}", cause: error);
        }
    }

    private static ExampleFile ReadLines(string path, string name, ExampleEncoder encoder)
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

            examples.Add(encoder.Encode(text, $"{name}, line {line}", out bool wasCut));
            truncated += wasCut ? 1 : 0;
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
            return text is null || text.Length <= MaxLineLength ? text : throw new FedCloudException(ErrorCodes.JsonlMalformed, $"{name}, line {line}: is longer than 4 MiB");
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
}
