// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Runtime.InteropServices;
using System.Security.Cryptography;
using FedCloud.Training.Decoders;
using FedCloud.Training.Sample;
using FedCloud.Training.Tokenization;

namespace FedCloud.Training.Tests.Sample;

/// <summary>The committed base model is what the committed code makes: its tokenizer whole, its weights for the first steps of the training.</summary>
public sealed class SamplePretrainingTests : IDisposable
{
    private const int Steps = 2;

    private readonly string _folder = Directory.CreateTempSubdirectory("fedcloud-").FullName;

    [Fact]
    public void Tokens_GeneralText_LearnsTheCommittedTokenizer()
    {
        SamplePretraining.Tokens(SampleTexts.General(), _folder);

        Assert.Equal(File.ReadAllBytes(Path.Combine(Repository.Root, "samples", "base", "tokenizer.json")), File.ReadAllBytes(Path.Combine(_folder, "tokenizer.json")));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Train_FirstSteps_GivesTheRecordedBits(int threads)
    {
        int[] tokens = [.. Tokenizer.Read(Path.Combine(Repository.Root, "samples", "base", "tokenizer.json")).Encode(SampleTexts.General()[..200_000])];

        using DecoderModel model = SamplePretraining.Train(tokens, Steps, threads, _ => { });

        // Where these change, the sample's weights have to be made again: 'fedcloud-trainer pretrain'.
        string expected = SamplePretraining.VectorBits >= 256 ? "67ec192d9794ae36686fc0a0e4d386b5" : "3f5b1036ad6ebbffe546f526e991ba3e";
        Assert.Equal(expected, DigestOf(model));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static string DigestOf(DecoderModel model)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (Parameter parameter in model.BaseParameters())
        {
            hash.AppendData(MemoryMarshal.AsBytes(parameter.Value.Span));
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset())[..32];
    }
}
