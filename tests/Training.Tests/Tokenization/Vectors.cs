// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text.Json;
using FedCloud.Training.Tokenization;

namespace FedCloud.Training.Tests.Tokenization;

/// <summary>What the reference makes of many texts, from vectors/; its README says how that is made again.</summary>
internal static class Vectors
{
    public static readonly string Folder = Path.Combine(Repository.Root, "tests", "Training.Tests", "Tokenization", "vectors");

    private static readonly JsonElement Json = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(Folder, "vectors.json"))).RootElement;

    public static IReadOnlyList<string> Texts { get; } = [.. Json.GetProperty("texts").EnumerateArray().Select(ReadText)];

    public static string Classes => Json.GetProperty("classes").GetString()!;

    public static string Cases => Json.GetProperty("cases").GetString()!;

    public static string Composed => Json.GetProperty("composed").GetString()!;

    public static string FileOf(string form) => Path.Combine(Folder, form + ".json");

    public static Tokenizer Read(string form) => Tokenizer.Read(FileOf(form));

    public static string TokenOf(string form, int id) => JsonDocument.Parse(File.ReadAllBytes(FileOf(form))).RootElement
        .GetProperty("model").GetProperty("vocab").EnumerateObject().Single(entry => entry.Value.GetInt32() == id).Name;

    public static int[] Start(string form) => Integers(Of(form).GetProperty("start"));

    public static int[][] Tokens(string form) => [.. Of(form).GetProperty("tokens").EnumerateArray().Select(Integers)];

    public static int[][] Words(string form) => [.. Of(form).GetProperty("words").EnumerateArray().Select(Integers)];

    public static IEnumerable<(int[] Ids, string All, string Plain)> Decoded(string form) => Of(form).GetProperty("decoded").EnumerateArray()
        .Select(entry => (Integers(entry.GetProperty("ids")), entry.GetProperty("all").GetString()!, entry.GetProperty("plain").GetString()!));

    private static JsonElement Of(string form) => Json.GetProperty(form);

    private static int[] Integers(JsonElement array) => [.. array.EnumerateArray().Select(item => item.GetInt32())];

    // A text with a lone surrogate is an array of UTF-16 units.
    private static string ReadText(JsonElement text) =>
        text.ValueKind == JsonValueKind.String ? text.GetString()! : string.Concat(Integers(text).Select(unit => (char)unit));
}
