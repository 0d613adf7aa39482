// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using FedCloud.Protocol.Errors;
using FedCloud.Training.Jobs;

namespace FedCloud.Training.Tests.Jobs;

public sealed class JobPrivacyTests : IDisposable
{
    private readonly JobFolder _folder = new();

    public JobPrivacyTests() => _folder.Job = _folder.Job with
    {
        GradientAccumulation = 1,
        Privacy = new JobPrivacy
        {
            Unit = "record",
            SamplingRate = 0.5,
            ExpectedBatch = 5,
            NoiseMultiplier = 0.8,
            ExampleClip = 1,
            Clipping = "flat",
            Noise = "exact",
        },
    };

    private string JobFile => Path.Combine(_folder.Path, "job.json");

    [Fact]
    public void Read_OfToJson_IsTheJob()
    {
        _folder.Write();

        TrainingJob job = TrainingJob.Read(_folder.Path);

        Assert.Equal(_folder.Job.Privacy, job.Privacy);
        Assert.Equal(_folder.Job.ToJson(), job.ToJson());
    }

    [Theory]
    [InlineData("unit", "\"silo\"")]
    [InlineData("unit", "1")]
    [InlineData("sampling_rate", "0")]
    [InlineData("sampling_rate", "1.0000000000000002")]
    [InlineData("sampling_rate", "\"0.5\"")]
    [InlineData("expected_batch", "0")]
    [InlineData("expected_batch", "2.5")]
    [InlineData("noise_multiplier", "0")]
    [InlineData("noise_multiplier", "1e400")]
    [InlineData("noise_multiplier", "null")]
    [InlineData("example_clip", "-1")]
    [InlineData("example_clip", "1e400")]
    [InlineData("clipping", "\"none\"")]
    [InlineData("noise", "\"none\"")]
    [InlineData("noise", "null")]
    [InlineData("surprise", "1")]
    public void Read_ValueThatCannotBe_IsRefused(string member, string value)
    {
        Change(privacy => privacy[member] = JsonNode.Parse(value));

        FedCloudException error = Assert.Throws<FedCloudException>(() => TrainingJob.Read(_folder.Path));
        Assert.Equal("job_malformed", error.Code.Name);
        Assert.Contains(member, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("unit")]
    [InlineData("sampling_rate")]
    [InlineData("expected_batch")]
    [InlineData("noise_multiplier")]
    [InlineData("example_clip")]
    [InlineData("clipping")]
    [InlineData("noise")]
    public void Read_MissingMember_IsRefused(string member)
    {
        Change(privacy => privacy.Remove(member));

        Assert.Equal("job_malformed", Assert.Throws<FedCloudException>(() => TrainingJob.Read(_folder.Path)).Code.Name);
    }

    [Fact]
    public void Read_PrivacyThatIsNull_IsNotPlainTraining()
    {
        _folder.Write();
        JsonObject json = JsonNode.Parse(File.ReadAllText(JobFile))!.AsObject();
        json["privacy"] = null;
        File.WriteAllText(JobFile, json.ToJsonString());

        FedCloudException error = Assert.Throws<FedCloudException>(() => TrainingJob.Read(_folder.Path));

        Assert.Equal("job_malformed", error.Code.Name);
        Assert.Contains("privacy", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_GradientAccumulation_IsRefused()
    {
        _folder.Job = _folder.Job with { GradientAccumulation = 2 };
        _folder.Write();

        Assert.Contains("gradient_accumulation", Assert.Throws<FedCloudException>(() => TrainingJob.Read(_folder.Path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Document_JobFormat_ListsExactlyTheMembers()
    {
        string text = File.ReadAllText(Path.Combine(Repository.Root, "docs", "job-format.md"));
        int start = text.IndexOf("## Private steps", StringComparison.Ordinal);
        string section = text[start..text.IndexOf("\n## ", start + 1, StringComparison.Ordinal)];
        string[] documented = [.. Regex.Matches(section, @"^\| `(?<name>[a-z0-9_]+)` \|", RegexOptions.Multiline | RegexOptions.ExplicitCapture).Select(match => match.Groups["name"].Value)];

        string[] members = [.. JsonNode.Parse(_folder.Job.ToJson())!["privacy"]!.AsObject().Select(member => member.Key)];

        Assert.Equal(members, documented);
    }

    [Theory]
    [InlineData("exact", 1)]
    [InlineData("rounded", 2)]
    public void Run_PrivateJob_TrainsAndNeverTheSameTwice(string noise, int threads)
    {
        _folder.Job = _folder.Job with { Threads = threads, Privacy = _folder.Job.Privacy! with { Noise = noise } };

        List<JobProgress> lines = _folder.Run();
        byte[] once = _folder.Update;
        File.Delete(_folder.CheckpointFile);
        _folder.Run();

        Assert.Equal(["started", "evaluated", .. Enumerable.Repeat("step", 6), "done"], lines.Select(line => line.Event), StringComparer.Ordinal);
        Assert.All(_folder.ReadUpdate().Values, values => Assert.Contains(values, value => value != 0));
        Assert.NotEqual(once, _folder.Update);
    }

    [Fact]
    public void Run_LittleNoise_LearnsTheExamples()
    {
        _folder.Job = _folder.Job with
        {
            LocalSteps = 60,
            TotalGlobalSteps = 60,
            WeightDecay = 0,
            Privacy = _folder.Job.Privacy! with { NoiseMultiplier = 1e-3, SamplingRate = 0.9, Noise = "rounded" },
        };

        _folder.Run();

        JobMetrics metrics = _folder.Metrics;
        Assert.True(metrics.TrainLoss[^1] < metrics.TrainLoss[0] - 2, $"from {metrics.TrainLoss[0]} to {metrics.TrainLoss[^1]}");
    }

    [Fact]
    public void Run_NobodyEnters_HasNoLossAndStillAnUpdate()
    {
        _folder.Job = _folder.Job with { Privacy = _folder.Job.Privacy! with { SamplingRate = 1e-18 } };

        List<JobProgress> lines = _folder.Run();

        Assert.All(lines.Where(line => line.Step is not null), line => Assert.DoesNotContain("loss", line.ToJson(), StringComparison.Ordinal));
        Assert.Equal(Enumerable.Repeat((double?)null, 6), _folder.Metrics.TrainLoss);
        Assert.Contains("\"train_loss\":[null,null,", File.ReadAllText(_folder.MetricsFile), StringComparison.Ordinal);
        Assert.Equal(0, _folder.Metrics.TrainedTokens);
        Assert.Contains(_folder.ReadUpdate().Values, values => values.Any(value => value != 0));
    }

    [Fact]
    public void Run_AfterACrash_GoesOnFromTheCheckpoint()
    {
        Assert.Throws<InvalidOperationException>(() => _folder.Run(line =>
        {
            if (line.Step > 3)
            {
                throw new InvalidOperationException("killed");
            }
        }));
        List<JobProgress> lines = _folder.Run();

        Assert.Equal([3, 4, 5, 6], lines.Where(line => line.Step is not null).Select(line => line.Step!.Value));
        Assert.Equal(6, _folder.Metrics.TrainLoss.Length);
        Assert.True(File.Exists(_folder.UpdateFile));
    }

    [Fact]
    public void Run_PrivacyChangedAfterACrash_BeginsAfresh()
    {
        Assert.Throws<InvalidOperationException>(() => _folder.Run(line =>
        {
            if (line.Step > 3)
            {
                throw new InvalidOperationException("killed");
            }
        }));
        _folder.Job = _folder.Job with { Privacy = _folder.Job.Privacy! with { NoiseMultiplier = 0.9 } };

        Assert.Equal(1, _folder.Run().First(line => line.Step is not null).Step);
    }

    [Fact]
    public void Run_UnitPerson_NeedsPersonsOfTheTrainingExamplesOnly()
    {
        _folder.Job = _folder.Job with { Privacy = _folder.Job.Privacy! with { Unit = "person", SamplingRate = 1 } };
        FedCloudException error = Assert.Throws<FedCloudException>(() => _folder.Run());
        File.WriteAllLines(_folder.TrainFile, File.ReadAllLines(_folder.TrainFile).Select((line, i) => line.Replace("{", $"{{\"person\":\"{i / 4}\",", StringComparison.Ordinal)));

        List<JobProgress> lines = _folder.Run();

        Assert.Equal("jsonl_malformed", error.Code.Name);
        Assert.Contains("train.jsonl, line 1", error.Message, StringComparison.Ordinal);
        Assert.Equal("done", lines[^1].Event);
    }

    public void Dispose() => _folder.Dispose();

    private void Change(Action<JsonObject> change)
    {
        _folder.Write();
        JsonObject json = JsonNode.Parse(File.ReadAllText(JobFile))!.AsObject();
        change(json["privacy"]!.AsObject());
        File.WriteAllText(JobFile, json.ToJsonString());
    }
}
