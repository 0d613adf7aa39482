// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text;
using FedCloud.Protocol.Errors;
using FedCloud.Training.Examples;
using FedCloud.Training.Tests.Tokenization;
using FedCloud.Training.Tokenization;

namespace FedCloud.Training.Tests.Examples;

public sealed class ExampleFileTests : IDisposable
{
    private readonly TinyBase _tiny = new();
    private readonly Tokenizer _tokenizer;

    public ExampleFileTests() => _tokenizer = Tokenizer.Read(Path.Combine(_tiny.Folder, "tokenizer.json"));

    private int End => _tokenizer.AddedToken(BpeTrainer.EndOfText)!.Value;

    private string DataFile => Path.Combine(_tiny.Folder, "train.jsonl");

    [Fact]
    public void Read_Example_IsPromptNewlineCompletionAndEnd()
    {
        File.WriteAllText(DataFile, "{\"prompt\":\"the cat\",\"completion\":\" sat\",\"source\":\"x\"}\n\n");

        ExampleFile file = ExampleFile.Read(DataFile, _tokenizer, End, 64);

        Example example = Assert.Single(file.Examples);
        Assert.Equal("the cat\n sat<|endoftext|>", _tokenizer.Decode(example.Tokens));
        Assert.Equal("the cat\n", _tokenizer.Decode(example.Tokens[..example.PromptLength]));
        Assert.Equal(End, example.Tokens[^1]);
        Assert.Equal(0, file.Truncated);
    }

    [Theory]
    [InlineData(40, 3)]
    [InlineData(3, 40)]
    [InlineData(40, 40)]
    [InlineData(13, 3)]
    public void Read_LongExample_IsCutButKeepsACompletion(int promptWords, int completionWords)
    {
        const int Longest = 16;
        string prompt = string.Concat(Enumerable.Repeat("q", promptWords));
        string completion = string.Concat(Enumerable.Repeat("z", completionWords));
        File.WriteAllText(DataFile, $"{{\"prompt\":\"{prompt}\",\"completion\":\"{completion}\"}}");

        ExampleFile file = ExampleFile.Read(DataFile, _tokenizer, End, Longest);

        Example example = file.Examples[0];
        Assert.Equal(1, file.Truncated);
        Assert.Equal(Longest, example.Tokens.Length);
        Assert.InRange(example.Tokens.Length - example.PromptLength, Math.Min(completionWords, Longest / 2), Longest - 1);
        Assert.Equal("\n", _tokenizer.Decode([example.Tokens[example.PromptLength - 1]]));
        Assert.Equal("z", _tokenizer.Decode([example.Tokens[example.PromptLength]]));
    }

    [Theory]
    [InlineData(1, 64)]
    [InlineData(40, 16)]
    [InlineData(40, 2)]
    public void Read_TokenizerWithAStart_BeginsEachExampleWithIt(int promptWords, int longest)
    {
        Tokenizer tokenizer = Vectors.Read("llama3");
        string prompt = string.Concat(Enumerable.Repeat("q ", promptWords));
        File.WriteAllText(DataFile, $"{{\"prompt\":\"{prompt}\",\"completion\":\"zzz\"}}");

        Example example = Assert.Single(ExampleFile.Read(DataFile, tokenizer, endOfText: null, longest).Examples);

        int begin = Assert.Single(tokenizer.Start);
        Assert.Equal(begin, example.Tokens[0]);
        Assert.DoesNotContain(begin, example.Tokens[1..]);
        Assert.InRange(example.PromptLength, 1, example.Tokens.Length - 1);
        Assert.Equal("z", tokenizer.Decode([example.Tokens[example.PromptLength]])[..1]);
    }

    [Theory]
    [InlineData("not json", "jsonl_malformed")]
    [InlineData("[1]", "jsonl_malformed")]
    [InlineData("{\"prompt\":\"a\"}", "jsonl_malformed")]
    [InlineData("{\"prompt\":1,\"completion\":\"b\"}", "jsonl_malformed")]
    [InlineData("{\"prompt\":\"a\",\"completion\":\"\\ud800\"}", "jsonl_malformed")]
    [InlineData("{\"prompt\":\"a\",\"completion\":\"\"}", "completion_empty")]
    public void Read_BrokenLine_IsNamedWithoutItsContents(string line, string code)
    {
        File.WriteAllText(DataFile, "{\"prompt\":\"a\",\"completion\":\"b\"}\n\n" + line + "\n");

        FedCloudException error = Assert.Throws<FedCloudException>(() => ExampleFile.Read(DataFile, _tokenizer, End, 64));

        Assert.Equal(code, error.Code.Name);
        Assert.Contains("train.jsonl, line 3", error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(line, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_Persons_AreKeptWhereTheyAreAskedFor()
    {
        File.WriteAllText(DataFile, "{\"prompt\":\"a\",\"completion\":\"b\",\"person\":\"anna\"}\n{\"person\":\"béa\",\"prompt\":\"a\",\"completion\":\"b\"}\n");

        Assert.Equal(["anna", "béa"], ExampleFile.Read(DataFile, _tokenizer, End, 64, persons: true).Examples.Select(example => example.Person), StringComparer.Ordinal);
        Assert.All(ExampleFile.Read(DataFile, _tokenizer, End, 64).Examples, example => Assert.Null(example.Person));
    }

    [Theory]
    [InlineData("{\"prompt\":\"a\",\"completion\":\"b\"}")]
    [InlineData("{\"prompt\":\"a\",\"completion\":\"b\",\"person\":\"\"}")]
    [InlineData("{\"prompt\":\"a\",\"completion\":\"b\",\"person\":7}")]
    [InlineData("{\"prompt\":\"a\",\"completion\":\"b\",\"person\":null}")]
    [InlineData("{\"prompt\":\"a\",\"completion\":\"b\",\"person\":\"\\ud83d\"}")]
    public void Read_ExampleWithoutAPerson_IsRefusedOnlyWherePersonsAreAskedFor(string line)
    {
        File.WriteAllText(DataFile, "{\"prompt\":\"a\",\"completion\":\"b\",\"person\":\"anna\"}\n" + line + "\n");

        FedCloudException error = Assert.Throws<FedCloudException>(() => ExampleFile.Read(DataFile, _tokenizer, End, 64, persons: true));

        Assert.Equal("jsonl_malformed", error.Code.Name);
        Assert.Contains("train.jsonl, line 2", error.Message, StringComparison.Ordinal);
        Assert.Contains("'person'", error.Message, StringComparison.Ordinal);
        Assert.Equal(2, ExampleFile.Read(DataFile, _tokenizer, End, 64).Examples.Count);
    }

    [Fact]
    public void Read_NotUtf8_IsRefusedWithItsLine()
    {
        string good = "{\"prompt\":\"ä\",\"completion\":\"b\"}\n";
        File.WriteAllBytes(DataFile, [.. Encoding.UTF8.GetBytes(good + good + "{\"prompt\":\"a\",\"completion\":\""), 0xff, (byte)'"', (byte)'}', (byte)'\n', .. Encoding.UTF8.GetBytes(good)]);

        FedCloudException error = Assert.Throws<FedCloudException>(() => ExampleFile.Read(DataFile, _tokenizer, End, 64));

        Assert.Equal("jsonl_malformed", error.Code.Name);
        Assert.Contains("train.jsonl, line 3: not valid UTF-8", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_HalfASurrogatePair_IsRefusedWithItsLine()
    {
        File.WriteAllText(DataFile, "{\"prompt\":\"\\ud83d\",\"completion\":\"b\"}\n");

        FedCloudException error = Assert.Throws<FedCloudException>(() => ExampleFile.Read(DataFile, _tokenizer, End, 64));

        Assert.Contains("train.jsonl, line 1: 'prompt' or 'completion' holds half of a surrogate pair", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("\n  \n")]
    public void Read_NoExample_SaysThatTheSiloIsEmpty(string text)
    {
        File.WriteAllText(DataFile, text);

        Assert.Equal("data_empty", Assert.Throws<FedCloudException>(() => ExampleFile.Read(DataFile, _tokenizer, End, 64)).Code.Name);
    }

    [Fact]
    public void Read_NoFile_SaysSo() =>
        Assert.Equal("file_missing", Assert.Throws<FedCloudException>(() => ExampleFile.Read(DataFile, _tokenizer, End, 64)).Code.Name);

    [Fact]
    public void Read_FileThatCannotBeRead_SaysSo()
    {
        // Opens, but gives an input/output error at its first byte.
        const string Unreadable = "/proc/self/mem";

        FedCloudException error = Assert.Throws<FedCloudException>(() => ExampleFile.Read(Unreadable, _tokenizer, End, 64));

        Assert.Equal("file_missing", error.Code.Name);
    }

    public void Dispose() => _tiny.Dispose();
}
