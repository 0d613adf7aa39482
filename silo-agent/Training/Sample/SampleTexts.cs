// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace FedCloud.Training.Sample;

/// <summary>Writes the sample's texts: general text for the base model, and four silos' examples that differ in topic and jargon.</summary>
/// <remarks>All of it is made here from word lists and patterns; no person and no record stands behind it.</remarks>
public static class SampleTexts
{
    private const int GeneralSentences = 12_000;
    private const int TrainExamples = 240;
    private const int EvalExamples = 48;

    private static readonly JsonSerializerOptions Relaxed = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The silos of the sample.</summary>
    public static IReadOnlyList<SampleSilo> Silos { get; } =
    [
        new(
            "clinic-north",
            ["chest pain", "a fast heartbeat", "swollen ankles", "high blood pressure", "short breath at night", "an irregular pulse"],
            ["an ECG", "an echocardiogram", "a troponin test", "a stress test", "a Holter monitor"],
            ["bisoprolol", "ramipril", "a statin", "a diuretic", "aspirin"],
            ["What should be done about {0}?", "Which test explains {0}?", "A patient reports {0}. What is the plan?"],
            ["Start with {1} and check the rhythm. If it is abnormal, add {2} and review in two weeks.", "Order {1} today. Treat with {2} and repeat the blood pressure after ten days.", "Cardiology advises {1}. Give {2} unless the kidney values fall."]),
        new(
            "clinic-south",
            ["a dry cough", "an itchy rash", "a runny nose in spring", "wheezing after sport", "red eyes", "hives after lunch"],
            ["a prick test", "a lung function test", "an IgE panel", "a food diary", "a patch test"],
            ["cetirizine", "a steroid inhaler", "nasal spray", "salbutamol", "avoiding the allergen"],
            ["How is {0} assessed?", "The child has {0}. What next?", "What helps against {0}?"],
            ["Allergy clinic: book {1}, then begin {2}. Keep a note of triggers.", "Do {1} first. For relief use {2}, and come back when the season ends.", "Most cases settle with {2}. Confirm with {1} before long treatment."]),
        new(
            "bank-harbor",
            ["a card that was swallowed", "a declined card payment", "a lost card", "an unknown card charge", "a blocked PIN", "a card that never arrived"],
            ["freeze the card in the app", "check the last five transactions", "confirm the delivery address", "reset the PIN at a terminal", "open a dispute"],
            ["a new card in three days", "a refund within ten days", "a temporary credit", "an activation code by letter", "a written confirmation"],
            ["My problem is {0}. What do I do?", "Customer writes about {0}.", "How do I solve {0}?"],
            ["Please {1}. You will receive {2}.", "First {1}; the card team then arranges {2}.", "We are sorry. If you {1}, the system issues {2} without a fee."]),
        new(
            "bank-hill",
            ["a pending transfer", "a wrong exchange rate", "a top-up that failed", "a rejected direct debit", "a transfer to the wrong account", "a missing salary"],
            ["check the IBAN and the cut-off time", "upload the proof of payment", "verify the source of funds", "wait for the next settlement", "recall the payment"],
            ["the booking by the next business day", "the difference as a correction", "the balance back on the account", "a trace number", "a message from the settlement desk"],
            ["I have {0}. Why?", "Ticket: {0}.", "What happens with {0}?"],
            ["To settle it, {1}. Then expect {2}.", "The ledger shows it as open. Please {1}, and you get {2}.", "Our payments desk asks you to {1}. The usual result is {2}."]),
    ];

    /// <summary>Writes <c>general.txt</c> and <c>NAME.train.jsonl</c>, <c>NAME.eval.jsonl</c> for each silo.</summary>
    public static void Write(string folder)
    {
        Directory.CreateDirectory(folder);
        File.WriteAllText(Path.Combine(folder, "general.txt"), General());
        for (int i = 0; i < Silos.Count; i++)
        {
            SampleRandom random = new(1000 + (ulong)i);
            WriteExamples(Path.Combine(folder, Silos[i].Name + ".train.jsonl"), Silos[i], random, TrainExamples);
            WriteExamples(Path.Combine(folder, Silos[i].Name + ".eval.jsonl"), Silos[i], random, EvalExamples);
        }
    }

    /// <summary>General text: plain sentences, questions and answers about everyday things, of no silo's topic.</summary>
    public static string General()
    {
        SampleRandom random = new(7);
        StringBuilder text = new();
        for (int i = 0; i < GeneralSentences; i++)
        {
            text.Append(GeneralText.Sentence(random)).Append(random.Next(4) == 0 ? '\n' : ' ');
        }

        return text.ToString();
    }

    private static void WriteExamples(string path, SampleSilo silo, SampleRandom random, int count)
    {
        using StreamWriter writer = new(path, append: false, new UTF8Encoding(false)) { NewLine = "\n" };
        for (int i = 0; i < count; i++)
        {
            string[] words = [random.Pick(silo.Topics), random.Pick(silo.Checks), random.Pick(silo.Outcomes)];
            string prompt = Fill(random.Pick(silo.Prompts), words);
            string completion = Fill(random.Pick(silo.Completions), words);
            writer.WriteLine($"{{\"prompt\": {JsonSerializer.Serialize(prompt, Relaxed)}, \"completion\": {JsonSerializer.Serialize(completion, Relaxed)}}}");
        }
    }

    private static string Fill(string pattern, string[] words) =>
        pattern.Replace("{0}", words[0], StringComparison.Ordinal).Replace("{1}", words[1], StringComparison.Ordinal).Replace("{2}", words[2], StringComparison.Ordinal);
}

/// <summary>A silo of the sample and the words it uses.</summary>
/// <param name="Name">Its id.</param>
/// <param name="Topics">What prompts are about.</param>
/// <param name="Checks">What is done first.</param>
/// <param name="Outcomes">What follows.</param>
/// <param name="Prompts">Patterns of prompts.</param>
/// <param name="Completions">Patterns of completions.</param>
public sealed record SampleSilo(string Name, string[] Topics, string[] Checks, string[] Outcomes, string[] Prompts, string[] Completions);

/// <summary>The generator of the sample's words: SplitMix64 (Steele, Lea and Flood 2014), the same on every machine and runtime.</summary>
/// <param name="seed">The seed.</param>
internal sealed class SampleRandom(ulong seed)
{
    private ulong _state = seed;

    /// <summary>A number from 0 to below the bound.</summary>
    public int Next(int bound)
    {
        _state += 0x9e3779b97f4a7c15;
        ulong z = _state;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
        z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
        return (int)((z ^ (z >> 31)) % (ulong)bound);
    }

    /// <summary>One of the items.</summary>
    public T Pick<T>(IReadOnlyList<T> items) => items[Next(items.Count)];
}
