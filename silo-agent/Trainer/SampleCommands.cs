// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Errors;
using FedCloud.Training.Sample;

namespace FedCloud.Trainer;

/// <summary>The commands that make the sample's base model.</summary>
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
}
