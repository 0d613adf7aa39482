// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Adapters;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Safetensors;
using FedCloud.Training.Decoders;
using FedCloud.Training.Tokenization;

namespace FedCloud.Trainer;

/// <summary>Continues a prompt greedily, with or without an adapter: the quickest look at what a federation learned.</summary>
internal static class GenerateCommand
{
    /// <summary>Prints prompt and continuation.</summary>
    /// <exception cref="FedCloudException">What is wrong with the base model, its tokenizer or the adapter.</exception>
    public static int Run(GenerateOptions options)
    {
        ModelConfig config = ModelConfig.Read(Path.Combine(options.Base, "config.json"));
        Tokenizer tokenizer = Tokenizer.Read(Path.Combine(options.Base, "tokenizer.json"));
        List<int> tokens = [.. tokenizer.Start, .. tokenizer.Encode(options.Prompt + "\n")];
        int length = (int)Math.Min(config.Positions, (long)tokens.Count + options.MaxTokens);
        if (tokens.Count >= length)
        {
            throw new FedCloudException(ErrorCodes.ConfigUnsupported, $"expected a prompt of less than {config.Positions} tokens, found {tokens.Count}", "shorten the prompt");
        }

        using BaseWeights weights = BaseWeights.Open(options.Base);
        using DecoderModel model = Load(config, weights, options.Base, options.Adapter, length);
        int? end = config.EndOfText ?? tokenizer.AddedToken(BpeTrainer.EndOfText);
        while (tokens.Count < length)
        {
            model.Forward(tokens.ToArray(), 1, tokens.Count);
            int next = IndexOfMax(model.Logits(tokens.Count - 1));
            if (next == end)
            {
                break;
            }

            tokens.Add(next);
        }

        Console.WriteLine(tokenizer.Decode(tokens.Skip(tokenizer.Start.Length)));
        return (int)ExitCode.Done;
    }

    private static DecoderModel Load(ModelConfig config, BaseWeights weights, string folder, string? adapter, int length)
    {
        if (adapter is null)
        {
            return DecoderModel.Load(config, weights, adapter: null, length, length, threads: 1);
        }

        PeftAdapter adapted = PeftAdapter.Open(adapter, weights.Tensors);
        adapted.RequireBase(folder);
        DecoderModel model = DecoderModel.Load(config, weights, adapted.Layout, length, length, threads: 1);
        using SafetensorsFile factors = SafetensorsFile.Open(adapted.WeightsPath, SafetensorsLimits.Foreign);
        model.LoadAdapter(factors, adapted.Layout);
        return model;
    }

    private static int IndexOfMax(ReadOnlySpan<float> values)
    {
        int best = 0;
        for (int i = 1; i < values.Length; i++)
        {
            best = values[i] > values[best] ? i : best;
        }

        return best;
    }
}
