// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Training.Examples;

/// <summary>Examples padded to one length: inputs and the next tokens that count.</summary>
/// <param name="Tokens">b·t inputs.</param>
/// <param name="Targets">b·t wanted next tokens; -1 where none counts.</param>
/// <param name="B">Sequences.</param>
/// <param name="T">The length of the longest, to which the others are padded.</param>
/// <param name="Lengths">How many inputs of each sequence are not padding.</param>
/// <param name="Counted">How many targets count.</param>
public sealed record Batch(int[] Tokens, int[] Targets, int B, int T, int[] Lengths, int Counted)
{
    /// <summary>Pads examples to the longest among them.</summary>
    public static Batch Of(IReadOnlyList<Example> examples)
    {
        int t = Math.Max(1, examples.Max(example => example.Tokens.Length) - 1);
        int[] tokens = new int[examples.Count * t];
        int[] targets = new int[examples.Count * t];
        int[] lengths = [.. examples.Select(example => Math.Max(1, example.Tokens.Length - 1))];
        Array.Fill(targets, -1);
        int counted = 0;
        for (int b = 0; b < examples.Count; b++)
        {
            int[] sequence = examples[b].Tokens;
            for (int i = 0; i + 1 < sequence.Length; i++)
            {
                tokens[(b * t) + i] = sequence[i];
            }

            foreach (TokenSpan span in examples[b].Learned)
            {
                for (int i = Math.Max(span.Start, 1); i < span.End; i++)
                {
                    targets[(b * t) + i - 1] = sequence[i];
                    counted++;
                }
            }
        }

        return new Batch(tokens, targets, examples.Count, t, lengths, counted);
    }
}
