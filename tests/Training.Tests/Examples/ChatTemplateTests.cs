// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Training.Examples;

namespace FedCloud.Training.Tests.Examples;

/// <summary>The templates beside the published ones, on frozen renderings.</summary>
public sealed class ChatTemplateTests
{
    public static TheoryData<string> Names { get; } = [.. ChatVectors.Names];

    [Theory]
    [MemberData(nameof(Names))]
    public void Write_VectorConversations_IsWhatThePublishedTemplateRenders(string name)
    {
        ChatTemplate template = ChatVectors.Template(name);
        int written = 0;

        foreach ((ChatMessage[] messages, string? text) in ChatVectors.Cases(name))
        {
            string? refusal = template.Refusal(messages);
            if (text is null || refusal is not null)
            {
                // Some published templates let a system message in a wrong place pass, and leave it out or write it as a turn.
                Assert.NotNull(refusal);
                Assert.True(text is null || messages.Skip(1).Any(message => message.Role == ChatRole.System), refusal);
                continue;
            }

            Assert.Equal(text, string.Concat(template.Write(messages).Select(part => part.Text)));
            written++;
        }

        Assert.True(written > 20);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void Write_AnyConversation_LetsOnlyTheAssistantSpeak(string name)
    {
        ChatTemplate template = ChatVectors.Template(name);
        ChatMessage[] messages = [new(ChatRole.User, "first question"), new(ChatRole.Assistant, "one answer"), new(ChatRole.User, "second question"), new(ChatRole.Assistant, "another answer")];

        ChatPart[] learned = [.. template.Write(messages).Where(part => part.IsLearned)];

        Assert.Equal(["one answer", "another answer"], learned.Where(part => !part.IsMarker).Select(part => part.Text.Trim()));
        Assert.Equal(2, learned.Count(part => part.IsMarker));
        Assert.True(learned[1].IsMarker && learned[3].IsMarker);
    }

    [Fact]
    public void Write_ControlCharactersThatPythonStrips_AreStripped()
    {
        ChatMessage[] messages = [new(ChatRole.User, "\u001c\u0085 a\u001f"), new(ChatRole.Assistant, "\u3000b\ufeff")];

        string text = string.Concat(ChatTemplates.All["gemma2"].Write(messages).Select(part => part.Text));

        Assert.Equal("<bos><start_of_turn>user\na<end_of_turn>\n<start_of_turn>model\nb\ufeff<end_of_turn>\n", text);
    }

    [Fact]
    public void Write_Qwen3Thoughts_AreSpokenAndEmptyOnesAreGiven()
    {
        ChatTemplate template = ChatTemplates.All["qwen3"];
        string Spoken(string answer) => string.Concat(template.Write([new(ChatRole.User, "?"), new(ChatRole.Assistant, answer)]).Where(part => part.IsLearned).Select(part => part.Text));

        Assert.Equal("yes<|im_end|>", Spoken("yes"));
        Assert.Equal("yes<|im_end|>", Spoken("<think>\n\n</think>\n\nyes"));
        Assert.Equal("<think>\nwell\n</think>\n\nyes<|im_end|>", Spoken("<think>\nwell\n</think>\n\nyes"));
    }

    [Theory]
    [InlineData("gemma2", "system user assistant", "no system role")]
    [InlineData("gemma3", "system user assistant", null)]
    [InlineData("gemma3", "user system assistant", "message 2 is of system")]
    [InlineData("llama2", "user user assistant", "message 2 is of user")]
    [InlineData("llama2", "assistant user", "message 1 is of assistant")]
    [InlineData("mistral-v0", "system user assistant", "no system role")]
    [InlineData("mistral-v1", "system user assistant", null)]
    [InlineData("mistral-v3", "system assistant", "message 2 is of assistant")]
    [InlineData("llama3", "assistant user user", null)]
    [InlineData("qwen2.5", "user system assistant", null)]
    public void Refusal_OfRoles_IsAsThePublishedTemplateRaises(string template, string roles, string? reason)
    {
        ChatMessage[] messages = [.. roles.Split(' ').Select(role => new ChatMessage(Enum.Parse<ChatRole>(role, ignoreCase: true), "x"))];

        string? refusal = ChatTemplates.All[template].Refusal(messages);

        Assert.Equal(reason is null, refusal is null);
        Assert.Contains(reason ?? string.Empty, refusal ?? string.Empty, StringComparison.Ordinal);
    }
}
