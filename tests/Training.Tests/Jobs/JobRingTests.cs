// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Runtime.InteropServices;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Safetensors;
using FedCloud.Training.Decoders;
using FedCloud.Training.Examples;
using FedCloud.Training.Jobs;
using FedCloud.Training.Tokenization;

namespace FedCloud.Training.Tests.Jobs;

public sealed class JobRingTests : IDisposable
{
    private readonly JobFolder _folder = new();

    public JobRingTests() => _folder.Job = _folder.Job with
    {
        LocalSteps = 1,
        GradientAccumulation = 1,
        Ring = new JobRing { ExampleClip = 0.5, Clipping = "per_layer", Clip = 123456.7, Limit = 268435455, MaxRecords = 11 },
    };

    private string JobFile => Path.Combine(_folder.Path, "job.json");

    [Fact]
    public void Read_OfToJson_IsTheJob()
    {
        _folder.Write();

        TrainingJob job = TrainingJob.Read(_folder.Path);

        Assert.Equal(_folder.Job.Ring, job.Ring);
        Assert.Equal(_folder.Job.ToJson(), job.ToJson());
    }

    // The same text as in JobFileTests, where the agent's side writes it.
    [Fact]
    public void ToJson_Ring_IsWhatTheAgentWrites() =>
        Assert.Equal(
            """{"example_clip":0.5,"clipping":"per_layer","clip":123456.7,"limit":268435455,"max_records":11}""",
            JsonNode.Parse(_folder.Job.ToJson())!["ring"]!.ToJsonString());

    [Theory]
    [InlineData("example_clip", "0")]
    [InlineData("example_clip", "1e400")]
    [InlineData("clipping", "\"none\"")]
    [InlineData("clipping", "null")]
    [InlineData("clip", "0")]
    [InlineData("clip", "1073741824.5")]
    [InlineData("clip", "\"1\"")]
    [InlineData("limit", "0")]
    [InlineData("limit", "1073741825")]
    [InlineData("limit", "1.5")]
    [InlineData("max_records", "0")]
    [InlineData("max_records", "4294967296")]
    [InlineData("surprise", "1")]
    public void Read_ValueThatCannotBe_IsRefused(string member, string value)
    {
        Change(job => job["ring"]![member] = JsonNode.Parse(value));

        AssertRefused(member);
    }

    [Theory]
    [InlineData("example_clip")]
    [InlineData("clipping")]
    [InlineData("clip")]
    [InlineData("limit")]
    [InlineData("max_records")]
    public void Read_MissingMember_IsRefused(string member)
    {
        Change(job => job["ring"]!.AsObject().Remove(member));

        AssertRefused("ring");
    }

    [Fact]
    public void Read_RingThatIsNull_IsNotPlainTraining()
    {
        Change(job => job["ring"] = null);

        AssertRefused("ring");
    }

    [Fact]
    public void Read_RingBesidePrivacy_IsRefused()
    {
        _folder.Job = _folder.Job with
        {
            Privacy = new JobPrivacy { Unit = "record", SamplingRate = 1, ExpectedBatch = 5, NoiseMultiplier = 1, ExampleClip = 1, Clipping = "flat", Noise = "exact" },
        };
        _folder.Write();

        AssertRefused("ring beside privacy");
    }

    [Theory]
    [InlineData("local_steps", "2")]
    [InlineData("gradient_accumulation", "2")]
    [InlineData("mode", "\"evaluate\"")]
    public void Read_JobOfOtherThanOneStep_IsRefused(string member, string value)
    {
        Change(job => job[member] = JsonNode.Parse(value));

        AssertRefused(member);
    }

    [Fact]
    public void Document_JobFormat_ListsExactlyTheMembers()
    {
        string text = File.ReadAllText(Path.Combine(Repository.Root, "docs", "job-format.md"));
        int start = text.IndexOf("## A step for the ring", StringComparison.Ordinal);
        string section = text[start..text.IndexOf("\n## ", start + 1, StringComparison.Ordinal)];
        string[] documented = [.. Regex.Matches(section, @"^\| `(?<name>[a-z0-9_]+)` \|", RegexOptions.Multiline | RegexOptions.ExplicitCapture).Select(match => match.Groups["name"].Value)];

        string[] members = [.. JsonNode.Parse(_folder.Job.ToJson())!["ring"]!.AsObject().Select(member => member.Key)];

        Assert.Equal(members, documented);
    }

    [Theory]
    [InlineData("a", ExchangedFactor.A, 1)]
    [InlineData("b", ExchangedFactor.B, 2)]
    [InlineData("both", ExchangedFactor.Both, 1)]
    public void Run_RingJob_WritesTheSumInRingUnitsTensorByTensor(string exchanged, ExchangedFactor factor, int threads)
    {
        // Nothing is clipped, so the sum is that of the plain gradients.
        _folder.Base.WriteAdapter(_folder.Base.AdapterFile, bIsZero: false);
        _folder.Job = _folder.Job with { Exchanged = exchanged, Threads = threads, Ring = _folder.Job.Ring! with { ExampleClip = 1000, Clip = 5e6 } };

        List<JobProgress> lines = _folder.Run();

        byte[] header = _folder.Base.Layout().UpdateHeader(factor, TensorType.I32);
        Assert.Equal(header, _folder.Update[..header.Length]);
        Assert.Equal(_folder.Base.Layout().UpdateLength(factor), _folder.Update.Length);
        Dictionary<string, int[]> update = ReadUpdate();
        foreach ((string name, double[] sum) in PlainSum(factor))
        {
            Assert.All(sum.Zip(update[name]), pair => Assert.InRange(pair.Second, (-5000 * pair.First) - 12, (-5000 * pair.First) + 12));
            Assert.True(sum.Max(Math.Abs) * 5000 > 40, name);
        }

        Assert.Equal(["started", "evaluated", "step", "done"], lines.Select(line => line.Event), StringComparer.Ordinal);
        double? loss = Assert.Single(_folder.Metrics.TrainLoss);
        Assert.InRange(loss!.Value, 1, 10);
        Assert.Equal(lines[2].Loss, loss);
        Assert.True(_folder.Metrics.TrainedTokens > 11);
        Assert.Empty(Directory.GetFiles(_folder.Path, "*.tmp"));
        Assert.False(File.Exists(_folder.CheckpointFile));
    }

    [Fact]
    public void Run_SmallLimit_ClampsAndGoesOn()
    {
        _folder.Job = _folder.Job with { Ring = _folder.Job.Ring! with { Limit = 100 } };

        _folder.Run();

        int[] all = [.. ReadUpdate().Values.SelectMany(values => values)];
        Assert.Equal((-100, 100), (all.Min(), all.Max()));
    }

    [Fact]
    public void Run_MoreRecordsThanTheRingHasRoomFor_IsRefused()
    {
        _folder.Job = _folder.Job with { Ring = _folder.Job.Ring! with { MaxRecords = 10 } };

        FedCloudException error = Assert.Throws<FedCloudException>(() => _folder.Run());

        Assert.Equal("count_invalid", error.Code.Name);
        Assert.False(File.Exists(_folder.UpdateFile));
        Assert.False(File.Exists(_folder.MetricsFile));
    }

    [Fact]
    public void Run_KilledAndStartedAgain_TakesItsStepWithOtherCoins()
    {
        Assert.Throws<InvalidOperationException>(() => _folder.Run(line =>
        {
            if (line.Step is not null)
            {
                throw new InvalidOperationException("killed");
            }
        }));
        bool left = File.Exists(_folder.UpdateFile);
        _folder.Run();
        Dictionary<string, int[]> once = ReadUpdate();
        List<JobProgress> lines = _folder.Run();

        Assert.False(left);
        Assert.Equal(1, Assert.Single(lines, line => line.Step is not null).Step);
        Assert.NotEqual(once.Values.SelectMany(values => values), ReadUpdate().Values.SelectMany(values => values));
        Assert.All(ReadUpdate(), tensor => Assert.All(tensor.Value.Zip(once[tensor.Key]), pair => Assert.InRange(pair.First - pair.Second, -11, 11)));
    }

    public void Dispose() => _folder.Dispose();

    private void AssertRefused(string member)
    {
        FedCloudException error = Assert.Throws<FedCloudException>(() => TrainingJob.Read(_folder.Path));
        Assert.Equal("job_malformed", error.Code.Name);
        Assert.Contains(member, error.Message, StringComparison.Ordinal);
    }

    private void Change(Action<JsonObject> change)
    {
        _folder.Write();
        JsonObject json = JsonNode.Parse(File.ReadAllText(JobFile))!.AsObject();
        change(json);
        File.WriteAllText(JobFile, json.ToJsonString());
    }

    private Dictionary<string, int[]> ReadUpdate() =>
        _folder.ReadUpdate().ToDictionary(tensor => tensor.Key, tensor => MemoryMarshal.Cast<float, int>(tensor.Value).ToArray(), StringComparer.Ordinal);

    // The gradient of the sum of all examples' mean losses, by the plain pass.
    private Dictionary<string, double[]> PlainSum(ExchangedFactor exchanged)
    {
        ExampleFile train = ExampleFile.Read(_folder.TrainFile, Tokenizer.Read(Path.Combine(_folder.Base.Folder, "tokenizer.json")), EndOfText(), 32);
        using DecoderModel model = _folder.Base.Load(32, 32);
        model.TrainAdapter(exchanged);
        model.ZeroGradients();
        foreach (Example example in train.Examples)
        {
            Batch batch = Batch.Of([example]);
            model.Forward(batch.Tokens, 1, batch.T);
            model.Loss(batch.Targets, 1f / batch.Counted);
            model.Backward();
        }

        return model.Trained.ToDictionary(parameter => parameter.Name, parameter => parameter.Gradient!.Span.ToArray().Select(value => (double)value).ToArray(), StringComparer.Ordinal);
    }

    private int? EndOfText() => Tokenizer.Read(Path.Combine(_folder.Base.Folder, "tokenizer.json")).AddedToken(BpeTrainer.EndOfText);
}
