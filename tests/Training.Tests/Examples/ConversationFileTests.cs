// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Errors;
using FedCloud.Training.Examples;
using FedCloud.Training.Tests.Tokenization;
using FedCloud.Training.Tokenization;

namespace FedCloud.Training.Tests.Examples;

/// <summary>Files with conversations, alone and beside prompts.</summary>
public sealed class ConversationFileTests : IDisposable
{
    private const string Talk = """{"messages":[{"role":"user","content":"the nurse"},{"role":"assistant","content":"the note"}],"person":"anna"}""";

    private readonly string _folder = Directory.CreateTempSubdirectory("fedcloud-").FullName;
    private readonly Tokenizer _tokenizer = Vectors.Read("gemma");

    private string DataFile => Path.Combine(_folder, "train.jsonl");

    [Fact]
    public void Read_MixedFile_EncodesEachLineInItsWay()
    {
        File.WriteAllText(DataFile, Talk + "\n{\"prompt\":\"the nurse\",\"completion\":\"the note\"}\n");

        ExampleFile file = ExampleFile.Read(DataFile, Encoder(64));

        Assert.Equal("<bos><start_of_turn>user\nthe nurse<end_of_turn>\n<start_of_turn>model\nthe note<end_of_turn>\n", _tokenizer.Decode(file.Examples[0].Tokens));
        Assert.Equal("<bos>the nurse\nthe note<eos>", _tokenizer.Decode(file.Examples[1].Tokens));
        Assert.Equal(0, file.Truncated);
    }

    [Fact]
    public void Read_Persons_AreThoseOfConversationsToo()
    {
        File.WriteAllText(DataFile, Talk);

        Assert.Equal("anna", Assert.Single(ExampleFile.Read(DataFile, new ExampleEncoder(_tokenizer, null, 64) { Chat = Gemma, Persons = true }).Examples).Person);
    }

    [Fact]
    public void Read_LongConversation_IsCutAndCounted()
    {
        File.WriteAllText(DataFile, Talk + "\n" + Talk.Replace("the nurse", string.Concat(Enumerable.Repeat("q", 50)), StringComparison.Ordinal) + "\n");

        ExampleFile file = ExampleFile.Read(DataFile, Encoder(30));

        Assert.Equal(1, file.Truncated);
        Example cut = file.Examples[1];
        Assert.Equal(30, cut.Tokens.Length);
        Assert.Equal(_tokenizer.AddedToken("<bos>"), cut.Tokens[0]);
        TokenSpan span = Assert.Single(cut.Learned);
        Assert.Equal("the note<end_of_turn>", _tokenizer.Decode(cut.Tokens[span.Start..span.End]));
    }

    [Theory]
    [InlineData("""{"messages":[]}""", "jsonl_malformed", "is no array of messages, or an empty one")]
    [InlineData("""{"messages":{}}""", "jsonl_malformed", "is no array of messages, or an empty one")]
    [InlineData("""{"messages":["x"]}""", "jsonl_malformed", "message 1 is not an object")]
    [InlineData("""{"messages":[{"role":"tool","content":"x"}]}""", "jsonl_malformed", "message 1 has another role than system, user and assistant")]
    [InlineData("""{"messages":[{"role":"user","content":"x"},{"content":"y"}]}""", "jsonl_malformed", "message 2 has another role")]
    [InlineData("""{"messages":[{"role":7,"content":"x"}]}""", "jsonl_malformed", "message 1 has another role")]
    [InlineData("""{"messages":[{"role":"user","content":["x"]}]}""", "jsonl_malformed", "message 1 has a 'content' that is not a text")]
    [InlineData("""{"messages":[{"role":"user","content":null}]}""", "jsonl_malformed", "message 1 has a 'content' that is not a text")]
    [InlineData("""{"messages":[{"role":"user","content":"\ud83d"}]}""", "jsonl_malformed", "message 1 holds half of a surrogate pair")]
    [InlineData("""{"messages":[{"role":"assistant","content":"x","tool_calls":[]}]}""", "jsonl_malformed", "message 1 has a member beside 'role' and 'content'")]
    [InlineData("""{"messages":[{"role":"user","content":"x"}],"prompt":"y"}""", "jsonl_malformed", "has 'messages' beside 'prompt' or 'completion'")]
    [InlineData("""{"messages":[{"role":"user","content":"x"}]}""", "completion_empty", "a message of the assistant to learn")]
    [InlineData("""{"messages":[{"role":"user","content":"x"},{"role":"assistant","content":""}]}""", "completion_empty", "a message of the assistant to learn")]
    [InlineData("""{"messages":[{"role":"system","content":"x"},{"role":"user","content":"y"},{"role":"assistant","content":"z"}]}""", "chat_unwritable", "no system role")]
    [InlineData("""{"messages":[{"role":"assistant","content":"z"}]}""", "chat_unwritable", "message 1 is of assistant")]
    public void Read_BrokenConversation_IsNamedWithoutItsContents(string line, string code, string reason)
    {
        File.WriteAllText(DataFile, Talk + "\n" + line + "\n");

        FedCloudException error = Assert.Throws<FedCloudException>(() => ExampleFile.Read(DataFile, Encoder(64)));

        Assert.Equal(code, error.Code.Name);
        Assert.Contains("train.jsonl, line 2: ", error.Message, StringComparison.Ordinal);
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Fact]
    public void Read_ConversationWithoutATemplate_IsRefused()
    {
        File.WriteAllText(DataFile, Talk);

        Assert.Equal("chat_template_missing", Assert.Throws<FedCloudException>(() => ExampleFile.Read(DataFile, _tokenizer, null, 64)).Code.Name);
    }

    [Fact]
    public void Read_TokenWithoutAnEmbedding_IsRefusedWithItsLine()
    {
        int eos = _tokenizer.AddedToken("<tool>")!.Value;
        ExampleEncoder encoder = new(_tokenizer, null, 64) { EmbeddedTokens = eos };
        File.WriteAllText(DataFile, "{\"prompt\":\"\",\"completion\":\"<tool>\"}\n");

        FedCloudException error = Assert.Throws<FedCloudException>(() => ExampleFile.Read(DataFile, encoder));

        Assert.Equal("vocabulary_mismatch", error.Code.Name);
        Assert.Contains("train.jsonl, line 1: ", error.Message, StringComparison.Ordinal);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private static ChatTemplate Gemma() => ChatTemplates.All["gemma2"];

    private ExampleEncoder Encoder(int longest) => new(_tokenizer, _tokenizer.AddedToken("<eos>"), longest) { Chat = Gemma };
}
