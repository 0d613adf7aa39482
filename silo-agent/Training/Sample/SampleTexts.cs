// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace FedCloud.Training.Sample;

/// <summary>Writes the sample's texts: general text for the base model, and four silos' examples that differ in topic and jargon.</summary>
/// <remarks>All of it is made here from word lists and patterns; no person and no record stands behind it.</remarks>
public static class SampleTexts
{
    private const int GeneralPassages = 24_000;
    private const int TrainExamples = 48;
    private const int EvalExamples = 64;

    private static readonly JsonSerializerOptions Relaxed = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Writes <c>general.txt</c> and <c>NAME.train.jsonl</c>, <c>NAME.eval.jsonl</c> for each silo.</summary>
    public static void Write(string folder)
    {
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, "general.txt"), General());
        for (int i = 0; i < SampleSilo.All.Count; i++)
        {
            SampleSilo silo = SampleSilo.All[i];
            WriteExamples(Path.Combine(folder, silo.Name + ".train.jsonl"), silo, new SampleRandom(100 + (ulong)i), TrainExamples);
            WriteExamples(Path.Combine(folder, silo.Name + ".eval.jsonl"), silo, new SampleRandom(200 + (ulong)i), EvalExamples);
        }
    }

    /// <summary>General text: everyday passages, questions and made-up words, of no silo's topic.</summary>
    public static string General()
    {
        SampleRandom random = new(1);
        StringBuilder text = new();
        for (int i = 0; i < GeneralPassages; i++)
        {
            text.Append(GeneralText.Passage(random)).Append(random.Next(4) == 0 ? '\n' : ' ');
        }

        return text.ToString();
    }

    private static void WriteExamples(string path, SampleSilo silo, SampleRandom random, int count)
    {
        using StreamWriter writer = new(path, append: false, new UTF8Encoding(false)) { NewLine = "\n" };
        for (int i = 0; i < count; i++)
        {
            (string prompt, string completion) = silo.Example(random);
            writer.WriteLine($"{{\"prompt\": {JsonSerializer.Serialize(prompt, Relaxed)}, \"completion\": {JsonSerializer.Serialize(completion, Relaxed)}}}");
        }
    }
}
