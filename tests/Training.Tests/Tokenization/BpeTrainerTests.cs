// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Training.Tokenization;

namespace FedCloud.Training.Tests.Tokenization;

public sealed class BpeTrainerTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("fedcloud-").FullName;

    private string Trained => Path.Combine(_folder, "tokenizer.json");

    [Fact]
    public void Train_TextOfManyScripts_GivesTheVectorsTokenizer()
    {
        string text = File.ReadAllText(Path.Combine(Vectors.Folder, "text.txt"));

        BpeTrainer.Train(text + text, 520, Trained);

        Assert.Equal(File.ReadAllBytes(Vectors.FileOf("gpt2")), File.ReadAllBytes(Trained));
    }

    [Fact]
    public void Train_EquallyFrequentPairs_MergesTheFirstByText()
    {
        BpeTrainer.Train(string.Concat(Enumerable.Repeat("the cat sat on the mat and the dog sat on the log. ", 3)), 258, Trained);

        // "a t", "t h" and "h e" are equally frequent.
        Assert.Equal([.. Tokenizer.Read(Trained).Encode("a"), 256], Tokenizer.Read(Trained).Encode("aat"));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
