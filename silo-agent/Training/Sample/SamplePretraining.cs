// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;
using System.Runtime.Intrinsics;
using System.Security.Cryptography;
using System.Text;
using FedCloud.Protocol.Safetensors;
using FedCloud.Training.Decoders;
using FedCloud.Training.Examples;
using FedCloud.Training.Optimization;
using FedCloud.Training.Tokenization;

namespace FedCloud.Training.Sample;

/// <summary>Makes the sample's base model: a tokenizer and a small Llama, trained in full on general text.</summary>
public static class SamplePretraining
{
    private const int VocabularySize = 2048;
    private const int Length = 128;
    private const int BatchSize = 16;
    private const int Steps = 1500;
    private const int Threads = 2;

    private static readonly ModelConfig Shape = new()
    {
        Vocabulary = VocabularySize,
        Hidden = 192,
        Intermediate = 512,
        Layers = 4,
        Heads = 6,
        KeyValueHeads = 2,
        HeadWidth = 32,
        Positions = 256,
        NormEpsilon = 1e-5f,
        Rope = new RotaryPositions(10_000),
        TiedHead = true,
    };

    /// <summary>The width of the processor's vectors as the kernels use them; weights are the same, bit for bit, for one width.</summary>
    public static int VectorBits => Vector512.IsHardwareAccelerated ? 512 : Vector256.IsHardwareAccelerated ? 256 : 128;

    /// <summary>Trains and writes <c>config.json</c>, <c>tokenizer.json</c> and <c>model.safetensors</c>.</summary>
    /// <param name="text">The general text.</param>
    /// <param name="folder">The folder to write.</param>
    /// <param name="report">Takes progress lines.</param>
    public static void Run(string text, string folder, Action<string> report)
    {
        ArgumentNullException.ThrowIfNull(text);
        ArgumentNullException.ThrowIfNull(report);
        Directory.CreateDirectory(folder);
        using DecoderModel model = Train(Tokens(text, folder), Steps, Threads, report);
        WriteModel(folder, model);
        WriteConfig(folder);
        report($"sha256 of model.safetensors: {Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(Path.Combine(folder, "model.safetensors"))))} (vectors of {VectorBits} bits)");
    }

    /// <summary>Learns the tokenizer, writes it, and encodes the text with it.</summary>
    /// <param name="text">The general text.</param>
    /// <param name="folder">The folder for <c>tokenizer.json</c>.</param>
    public static int[] Tokens(string text, string folder)
    {
        string path = Path.Combine(folder, "tokenizer.json");
        BpeTrainer.Train(text, VocabularySize, path);
        return [.. Tokenizer.Read(path).Encode(text)];
    }

    /// <summary>Takes the first steps of the training, on the schedule of all of it.</summary>
    /// <param name="tokens">The general text's tokens.</param>
    /// <param name="steps">How many steps.</param>
    /// <param name="threads">The most threads; the result does not depend on it.</param>
    /// <param name="report">Takes progress lines.</param>
    public static DecoderModel Train(int[] tokens, int steps, int threads, Action<string> report)
    {
        ArgumentNullException.ThrowIfNull(tokens);
        ArgumentNullException.ThrowIfNull(report);
        DecoderModel model = DecoderModel.Random(Shape, seed: 1, BatchSize * Length, Length, threads);
        model.TrainAll();
        AdamW optimizer = new(model.Trained, new AdamWOptions(0.9, 0.95, 1e-8, 0.1, 1.0));
        LearningRate schedule = new(3e-3, Cosine: true, 50, Steps);
        ExampleOrder order = new((tokens.Length - 1) / Length, seed: 1, round: 1);
        for (int step = 0; step < steps; step++)
        {
            (int[] inputs, int[] targets) = BatchAt(tokens, order, step);
            model.ZeroGradients();
            model.Forward(inputs, BatchSize, Length);
            double loss = model.Loss(targets, 1f / (BatchSize * Length)) / (BatchSize * Length);
            model.Backward();
            optimizer.Step(schedule.At(step));
            if ((step + 1) % 50 == 0)
            {
                report(string.Create(CultureInfo.InvariantCulture, $"step {step + 1}/{Steps} loss {loss:F4}"));
            }
        }

        return model;
    }

    // Consecutive stretches of the text in the order of the pass.
    private static (int[] Inputs, int[] Targets) BatchAt(int[] tokens, ExampleOrder order, int step)
    {
        int[] inputs = new int[BatchSize * Length];
        int[] targets = new int[BatchSize * Length];
        for (int b = 0; b < BatchSize; b++)
        {
            int start = order[((long)step * BatchSize) + b] * Length;
            Array.Copy(tokens, start, inputs, b * Length, Length);
            Array.Copy(tokens, start + 1, targets, b * Length, Length);
        }

        return (inputs, targets);
    }

    // bfloat16: half the bytes, and the base model is frozen from now on.
    private static void WriteModel(string folder, DecoderModel model)
    {
        Dictionary<string, Parameter> parameters = model.BaseParameters().ToDictionary(parameter => parameter.Name, StringComparer.Ordinal);
        TensorEntry[] entries =
        [
            .. model.BaseParameters().Select(parameter => parameter.Name.EndsWith("norm.weight", StringComparison.Ordinal)
                ? TensorEntry.Of(parameter.Name, TensorType.BF16, parameter.Value.Columns)
                : TensorEntry.Of(parameter.Name, TensorType.BF16, parameter.Value.Rows, parameter.Value.Columns)),
        ];
        Dictionary<string, string> metadata = new(StringComparer.Ordinal) { ["format"] = "pt" };
        SafetensorsWriter.WriteFile(Path.Combine(folder, "model.safetensors"), entries, metadata, (entry, stream) =>
        {
            foreach (float value in parameters[entry.Name].Value.Span)
            {
                uint bits = BitConverter.SingleToUInt32Bits(value);
                ushort rounded = (ushort)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16); // to nearest, ties to even
                stream.WriteByte((byte)rounded);
                stream.WriteByte((byte)(rounded >> 8));
            }
        });
    }

    private static void WriteConfig(string folder)
    {
        string json = string.Create(CultureInfo.InvariantCulture, $$"""
            {
              "architectures": ["LlamaForCausalLM"],
              "model_type": "llama",
              "hidden_act": "silu",
              "vocab_size": {{Shape.Vocabulary}},
              "hidden_size": {{Shape.Hidden}},
              "intermediate_size": {{Shape.Intermediate}},
              "num_hidden_layers": {{Shape.Layers}},
              "num_attention_heads": {{Shape.Heads}},
              "num_key_value_heads": {{Shape.KeyValueHeads}},
              "head_dim": {{Shape.HeadWidth}},
              "max_position_embeddings": {{Shape.Positions}},
              "rms_norm_eps": 1e-05,
              "rope_theta": 10000.0,
              "rope_scaling": null,
              "attention_bias": false,
              "mlp_bias": false,
              "tie_word_embeddings": true,
              "eos_token_id": {{Shape.Vocabulary - 1}},
              "torch_dtype": "bfloat16"
            }

            """);
        WholeFile.Write(Path.Combine(folder, "config.json"), Encoding.UTF8.GetBytes(json.ReplaceLineEndings("\n")));
    }
}
