// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Safetensors;
using FedCloud.Training.Llama;
using FedCloud.Training.Sample;
using FedCloud.Training.Tokenization;

namespace FedCloud.Trainer;

/// <summary>The commands that make and try the sample's base model.</summary>
internal static class SampleCommands
{
    /// <summary>Writes the sample's texts.</summary>
    public static int WriteTexts(string folder)
    {
        SampleTexts.Write(folder);
        return (int)ExitCode.Done;
    }

    /// <summary>Trains the sample's tokenizer and base model.</summary>
    public static int Pretrain(string texts, string folder)
    {
        string general = Path.Combine(texts, "general.txt");
        if (!File.Exists(general))
        {
            throw new FedCloudException(ErrorCodes.FileMissing, "expected general.txt in the folder of texts, found none", "run 'fedcloud-trainer sample' first");
        }

        SamplePretraining.Run(File.ReadAllText(general), folder, Console.WriteLine);
        return (int)ExitCode.Done;
    }

    /// <summary>Continues a prompt greedily.</summary>
    public static int Generate(string baseModel, string prompt)
    {
        const int MaxTokens = 64;
        LlamaConfig config = LlamaConfig.Read(Path.Combine(baseModel, "config.json"));
        ByteLevelBpe tokenizer = ByteLevelBpe.Read(Path.Combine(baseModel, "tokenizer.json"));
        using SafetensorsFile weights = SafetensorsFile.Open(Path.Combine(baseModel, "model.safetensors"), SafetensorsLimits.BaseModel);
        using LlamaModel model = LlamaModel.Load(config, weights, adapter: null, scaling: 0, config.Positions, config.Positions, threads: 1);
        List<int> tokens = tokenizer.Encode(prompt);
        int? end = tokenizer.AddedToken(BpeTrainer.EndOfText);
        for (int i = 0; i < MaxTokens && tokens.Count is > 0 && tokens.Count < config.Positions; i++)
        {
            model.Forward(tokens.ToArray(), 1, tokens.Count);
            ReadOnlySpan<float> logits = model.Logits(tokens.Count - 1);
            int next = IndexOfMax(logits);
            if (next == end)
            {
                break;
            }

            tokens.Add(next);
        }

        Console.WriteLine(tokenizer.Decode(tokens));
        return (int)ExitCode.Done;
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
