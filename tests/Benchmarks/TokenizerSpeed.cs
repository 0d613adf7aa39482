// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Diagnostics;
using System.Globalization;
using System.Text;
using FedCloud.Training.Sample;
using FedCloud.Training.Tokenization;

namespace FedCloud.Benchmarks;

/// <summary>How fast text becomes tokens on one core: the first time, and when the words are known.</summary>
internal static class TokenizerSpeed
{
    private const int WarmRuns = 9;
    private const int LeastCharacters = 4_000_000;

    public static int Run()
    {
        string root = Root();
        string docs = string.Concat(Directory.GetFiles(Path.Combine(root, "docs"), "*.md").Order(StringComparer.Ordinal).Select(File.ReadAllText));
        Dictionary<string, string> tokenizers = new(StringComparer.Ordinal) { ["sample"] = Path.Combine(root, "samples", "base", "tokenizer.json") };
        foreach (string folder in Environment.GetEnvironmentVariable("FEDCLOUD_TOKENIZERS") is { } real ? Directory.GetDirectories(real).Order(StringComparer.Ordinal) : Enumerable.Empty<string>())
        {
            tokenizers[Path.GetFileName(folder)] = Path.Combine(folder, "tokenizer.json");
        }

        Console.WriteLine("tokenizer  text     MB     read ms  first MB/s  warm MB/s  tokens");
        foreach ((string name, string path) in tokenizers)
        {
            Measure(name, path, "general", SampleTexts.General());
            Measure(name, path, "docs", docs);
        }

        return 0;
    }

    private static void Measure(string name, string path, string title, string text)
    {
        Stopwatch watch = Stopwatch.StartNew();
        Tokenizer tokenizer = Tokenizer.Read(path);
        double read = watch.Elapsed.TotalMilliseconds;
        double first = Rate(tokenizer, text, [], out int tokens);
        string repeated = string.Concat(Enumerable.Repeat(text, (LeastCharacters / text.Length) + 1));
        List<int> ids = tokenizer.Encode(repeated);
        double[] warm = [.. Enumerable.Range(0, WarmRuns).Select(_ => Rate(tokenizer, repeated, ids, out int _)).Order()];
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{name,-9}  {title,-7}  {Encoding.UTF8.GetByteCount(text) / 1e6,5:F2}  {read,7:F0}  {first,10:F1}  {warm[WarmRuns / 2],9:F1}  {tokens}"));
    }

    // Megabytes of UTF-8 a second.
    private static double Rate(Tokenizer tokenizer, string text, List<int> ids, out int tokens)
    {
        ids.Clear();
        Stopwatch watch = Stopwatch.StartNew();
        tokenizer.Encode(text, ids);
        double seconds = watch.Elapsed.TotalSeconds;
        tokens = ids.Count;
        return Encoding.UTF8.GetByteCount(text) / 1e6 / seconds;
    }

    internal static string Root()
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "FedCloud.sln")))
        {
            folder = folder.Parent;
        }

        return folder?.FullName ?? throw new InvalidOperationException("the benchmark runs inside the repository");
    }
}
