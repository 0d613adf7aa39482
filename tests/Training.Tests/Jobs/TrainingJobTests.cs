// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using FedCloud.Protocol.Errors;
using FedCloud.Training.Jobs;

namespace FedCloud.Training.Tests.Jobs;

public sealed class TrainingJobTests : IDisposable
{
    private readonly JobFolder _folder = new();

    private string JobFile => Path.Combine(_folder.Path, "job.json");

    [Fact]
    public void Read_OfToJson_IsTheJob()
    {
        _folder.Write();

        Assert.Equal(_folder.Job.ToJson(), TrainingJob.Read(_folder.Path).ToJson());
    }

    [Theory]
    [InlineData("v", "2")]
    [InlineData("mode", "\"learn\"")]
    [InlineData("exchanged", "\"c\"")]
    [InlineData("schedule", "\"linear\"")]
    [InlineData("rank", "0")]
    [InlineData("rank", "\"8\"")]
    [InlineData("alpha", "-1")]
    [InlineData("alpha", "null")]
    [InlineData("target_modules", "[]")]
    [InlineData("local_steps", "0")]
    [InlineData("local_steps", "1.5")]
    [InlineData("batch_size", "0")]
    [InlineData("sequence_length", "1")]
    [InlineData("learning_rate", "0")]
    [InlineData("adam_beta1", "1")]
    [InlineData("threads", "0")]
    [InlineData("first_global_step", "-1")]
    [InlineData("scaling", "\"alpha\"")]
    [InlineData("scaling", "null")]
    [InlineData("rank_pattern", "{\"q_proj\":0}")]
    [InlineData("rank_pattern", "{\"q_proj$\":2}")]
    [InlineData("alpha_pattern", "{\"q_proj\":0}")]
    [InlineData("alpha_pattern", "[1]")]
    [InlineData("dora", "null")]
    [InlineData("surprise", "true")]
    public void Read_ValueThatCannotBe_IsRefused(string member, string value)
    {
        _folder.Write();
        JsonObject json = JsonNode.Parse(File.ReadAllText(JobFile))!.AsObject();
        json[member] = JsonNode.Parse(value);
        File.WriteAllText(JobFile, json.ToJsonString());

        FedCloudException error = Assert.Throws<FedCloudException>(() => TrainingJob.Read(_folder.Path));
        Assert.Equal("job_malformed", error.Code.Name);
        Assert.Contains(member, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_MissingOrDoubledMember_IsRefused()
    {
        _folder.Write();
        string text = File.ReadAllText(JobFile);

        File.WriteAllText(JobFile, text.Replace("\"rank\":3,", string.Empty, StringComparison.Ordinal));
        Assert.Equal("job_malformed", Assert.Throws<FedCloudException>(() => TrainingJob.Read(_folder.Path)).Code.Name);

        File.WriteAllText(JobFile, text.Replace("\"rank\":3,", "\"rank\":3,\"rank\":3,", StringComparison.Ordinal));
        Assert.Equal("job_malformed", Assert.Throws<FedCloudException>(() => TrainingJob.Read(_folder.Path)).Code.Name);
    }

    [Fact]
    public void Read_NoFile_SaysSo() =>
        Assert.Equal("file_missing", Assert.Throws<FedCloudException>(() => TrainingJob.Read(_folder.Path)).Code.Name);

    [Fact]
    public void Document_JobFormat_ListsExactlyTheMembers()
    {
        string text = File.ReadAllText(Path.Combine(Repository.Root, "docs", "job-format.md"));
        string section = text[text.IndexOf("## job.json", StringComparison.Ordinal)..text.IndexOf("## metrics.json", StringComparison.Ordinal)];
        string[] documented = [.. Regex.Matches(section, @"^\| `(?<name>[a-z0-9_]+)` \|", RegexOptions.Multiline | RegexOptions.ExplicitCapture).Select(match => match.Groups["name"].Value)];

        string[] members = [.. JsonNode.Parse(_folder.Job.ToJson())!.AsObject().Select(member => member.Key)];

        Assert.Equal(members.Order(StringComparer.Ordinal), documented.Order(StringComparer.Ordinal));
    }

    public void Dispose() => _folder.Dispose();
}
