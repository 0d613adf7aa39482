// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Buffers.Binary;
using System.Runtime.InteropServices;
using FedCloud.Protocol.Adapters;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Safetensors;
using FedCloud.Training.Jobs;

namespace FedCloud.Training.Tests.Jobs;

public sealed class JobRunnerTests : IDisposable
{
    private readonly JobFolder _folder = new();

    [Theory]
    [InlineData("a", ExchangedFactor.A)]
    [InlineData("b", ExchangedFactor.B)]
    [InlineData("both", ExchangedFactor.Both)]
    public void Run_Train_WritesTheExchangedDifferenceInLayoutOrder(string exchanged, ExchangedFactor factor)
    {
        _folder.Job = _folder.Job with { Exchanged = exchanged, WeightDecay = 0 };

        _folder.Run();

        byte[] header = _folder.Base.Layout().UpdateHeader(factor);
        Assert.Equal(header, _folder.Update[..header.Length]);
        Assert.Equal(_folder.Base.Layout().UpdateLength(factor), _folder.Update.Length);

        // While B is zero, A has no gradient: alone it never moves, beside a training B it does.
        Dictionary<string, float[]> update = _folder.ReadUpdate();
        bool moves = factor != ExchangedFactor.A;
        Assert.All(update.Values, values => Assert.Equal(moves, values.Any(value => value != 0)));
    }

    [Fact]
    public void Run_TwoExamples_LearnsThemByHeart()
    {
        File.WriteAllLines(_folder.TrainFile, File.ReadAllLines(_folder.TrainFile)[..2]);
        _folder.Job = _folder.Job with { LocalSteps = 100, TotalGlobalSteps = 100, LearningRate = 0.01, WeightDecay = 0 };

        List<JobProgress> lines = _folder.Run();

        Assert.Equal(["started", "evaluated", .. Enumerable.Repeat("step", 100), "done"], lines.Select(line => line.Event), StringComparer.Ordinal);
        Assert.Equal(Enumerable.Range(1, 100), lines.Where(line => line.Step is not null).Select(line => line.Step!.Value));

        // The frozen norm and head bound the logits of this random base, and so the loss from below: about 0.95 is all there is.
        JobMetrics metrics = _folder.Metrics;
        Assert.Equal(lines[1].Loss, metrics.EvalLossBefore);
        Assert.Equal(100, metrics.TrainLoss.Length);
        Assert.True(metrics.TrainLoss[0] > 5 && metrics.TrainLoss[^1] < 1, $"from {metrics.TrainLoss[0]} to {metrics.TrainLoss[^1]}");
        Assert.Equal((5, 2, 0), (metrics.EvaluationExamples, metrics.TrainExamples, metrics.TruncatedTrainExamples));
        Assert.Empty(Directory.GetFiles(_folder.Path, "*.tmp"));
    }

    [Fact]
    public void Run_Evaluate_WritesNoUpdate()
    {
        _folder.Job = _folder.Job with { Mode = "evaluate", EvaluationExamples = 2 };

        List<JobProgress> lines = _folder.Run();

        Assert.Equal(["started", "evaluated", "done"], lines.Select(line => line.Event), StringComparer.Ordinal);
        Assert.False(File.Exists(_folder.UpdateFile));
        Assert.Equal(2, _folder.Metrics.EvaluationExamples);
        Assert.Empty(_folder.Metrics.TrainLoss);
    }

    [Fact]
    public void Run_UpdateAddedToTheStart_LowersTheEvaluationLoss()
    {
        _folder.Job = _folder.Job with { LearningRate = 0.05, Schedule = "constant", WarmupSteps = 0 };
        _folder.Run();
        double before = _folder.Metrics.EvalLossBefore!.Value;
        Dictionary<string, float[]> update = _folder.ReadUpdate();
        _folder.Base.AddToAdapter(update);
        _folder.Job = _folder.Job with { Mode = "evaluate" };

        _folder.Run();

        Assert.True(_folder.Metrics.EvalLossBefore < before - 0.5, $"from {before} to {_folder.Metrics.EvalLossBefore}");
    }

    [Fact]
    public void Run_TwiceAndOnTwoThreads_GivesTheSameBits()
    {
        _folder.Run();
        byte[] once = _folder.Update;

        File.Delete(_folder.CheckpointFile);
        _folder.Job = _folder.Job with { Threads = 2 };
        _folder.Run();

        Assert.Equal(once, _folder.Update);
    }

    [Fact]
    public void Run_SeedOrRoundChanged_GivesAnotherUpdate()
    {
        _folder.Run();
        byte[] once = _folder.Update;

        _folder.Job = _folder.Job with { Seed = 2 };
        _folder.Run();
        byte[] seeded = _folder.Update;
        _folder.Job = _folder.Job with { Seed = 1, Round = 2 };
        _folder.Run();

        Assert.NotEqual(once, seeded);
        Assert.NotEqual(once, _folder.Update);
    }

    [Theory]
    [InlineData("schedule")]
    [InlineData("first step")]
    [InlineData("total steps")]
    [InlineData("warm-up")]
    public void Run_LearningRateChanged_GivesAnotherUpdate(string what)
    {
        _folder.Run();
        byte[] once = _folder.Update;

        _folder.Job = what switch
        {
            "schedule" => _folder.Job with { Schedule = "constant" },
            "first step" => _folder.Job with { FirstGlobalStep = 3 },
            "total steps" => _folder.Job with { TotalGlobalSteps = 20 },
            _ => _folder.Job with { WarmupSteps = 4 },
        };
        _folder.Run();

        Assert.NotEqual(once, _folder.Update);
    }

    [Fact]
    public void Run_LossBecomesInfinite_NamesTheStepAndWritesNothing()
    {
        _folder.Job = _folder.Job with { LearningRate = 1e30, ClipNorm = 0, WarmupSteps = 0 };

        FedCloudException error = Assert.Throws<FedCloudException>(() => _folder.Run());

        Assert.Equal("loss_not_finite", error.Code.Name);
        Assert.Contains("finite loss", error.Message, StringComparison.Ordinal);
        Assert.Contains("step 2 of 6", error.Message, StringComparison.Ordinal);
        Assert.False(File.Exists(_folder.UpdateFile));
        Assert.False(File.Exists(_folder.MetricsFile));
    }

    [Fact]
    public void Run_GradientBecomesInfiniteBeforeTheLoss_NamesTheStepAndWritesNothing()
    {
        // B is zero, so no loss shows how large A is; the gradient of B does, which grows with A and with the last norm.
        SetLastNorm(1e19f);
        Dictionary<string, float[]> large = _folder.Base.Layout().Tensors.ToDictionary(
            tensor => tensor.Tensor.Name,
            tensor => Enumerable.Repeat(tensor.Factor == Factor.A ? 1e22f : 0, (int)tensor.Tensor.Count).ToArray(),
            StringComparer.Ordinal);
        _folder.Base.AddToAdapter(large);

        FedCloudException error = Assert.Throws<FedCloudException>(() => _folder.Run());

        Assert.Equal("loss_not_finite", error.Code.Name);
        Assert.Contains("finite gradient norm", error.Message, StringComparison.Ordinal);
        Assert.Contains("step 1 of 6", error.Message, StringComparison.Ordinal);
        Assert.False(File.Exists(_folder.UpdateFile));
        Assert.False(File.Exists(_folder.MetricsFile));
        Assert.False(File.Exists(_folder.CheckpointFile));
    }

    [Theory]
    [InlineData(64, false)]
    [InlineData(65, true)]
    public void Run_SequencesLongerThanTheModelsPositions_AreRefusedBeforeAnythingIsRead(int length, bool isRefused)
    {
        _folder.Job = _folder.Job with { SequenceLength = length };
        if (!isRefused)
        {
            _folder.Run();
            return;
        }

        foreach (string path in (string[])[_folder.TrainFile, _folder.EvalFile, Path.Combine(_folder.Base.Folder, "tokenizer.json"), Path.Combine(_folder.Base.Folder, "model.safetensors")])
        {
            File.Delete(path);
        }

        FedCloudException error = Assert.Throws<FedCloudException>(() => _folder.Run());

        Assert.Equal("sequence_too_long", error.Code.Name);
        Assert.Contains("expected a sequence_length of at most 64, the base model's positions, found 65", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_NotEnoughMemory_IsRefusedBeforeItStarts()
    {
        _folder.Job = _folder.Job with { MaxMemoryMib = 40 };

        FedCloudException error = Assert.Throws<FedCloudException>(() => _folder.Run());

        Assert.Equal("memory_exceeded", error.Code.Name);
        Assert.Equal(ExitCode.Refused, error.Code.Exit);
    }

    [Fact]
    public void Run_BatchBeyondAllMemory_IsRefusedWithoutALimit()
    {
        _folder.Job = _folder.Job with { BatchSize = int.MaxValue };

        Assert.Equal("memory_exceeded", Assert.Throws<FedCloudException>(() => _folder.Run()).Code.Name);
    }

    [Theory]
    [InlineData("model.safetensors")]
    [InlineData("tokenizer.json")]
    [InlineData("config.json")]
    public void Run_BaseModelIncomplete_SaysWhatIsMissing(string file)
    {
        File.Delete(Path.Combine(_folder.Base.Folder, file));

        FedCloudException error = Assert.Throws<FedCloudException>(() => _folder.Run());

        Assert.Equal("base_model_missing", error.Code.Name);
        Assert.Contains(file, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_MoreTokensThanTheModelHas_IsRefused()
    {
        string path = Path.Combine(_folder.Base.Folder, "tokenizer.json");
        File.WriteAllText(path, File.ReadAllText(path).Replace("\"a\": 64", "\"a\": 300", StringComparison.Ordinal));

        FedCloudException error = Assert.Throws<FedCloudException>(() => _folder.Run());

        Assert.Equal("vocabulary_mismatch", error.Code.Name);
        Assert.Contains("the 300 rows", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Run_DiskFull_LeavesNoHalfUpdate()
    {
        // A device that takes no byte stands where the temporary file would be.
        string temporary = _folder.UpdateFile + ".tmp";
        File.CreateSymbolicLink(temporary, "/dev/full");

        FedCloudException error = Assert.Throws<FedCloudException>(() => _folder.Run());

        Assert.Equal("disk_full", error.Code.Name);
        Assert.False(File.Exists(_folder.UpdateFile));
        Assert.False(File.Exists(temporary));
        Assert.False(File.Exists(_folder.MetricsFile));
    }

    [Fact]
    public void Run_AdapterWithNaN_IsRefused()
    {
        _folder.Base.AddToAdapter(_folder.Base.Layout().Tensors.ToDictionary(
            tensor => tensor.Tensor.Name,
            tensor => Enumerable.Repeat(float.NaN, (int)tensor.Tensor.Count).ToArray(),
            StringComparer.Ordinal));

        Assert.Equal("tensor_not_finite", Assert.Throws<FedCloudException>(() => _folder.Run()).Code.Name);
    }

    [Fact]
    public void Run_VersionWithServerState_IgnoresIt()
    {
        _folder.Run();
        byte[] expected = _folder.Update;
        File.Delete(_folder.CheckpointFile);

        _folder.Base.AddServerState();
        _folder.Run();

        Assert.Equal(expected, _folder.Update);
    }

    [Fact]
    public void Run_AdapterOfAnotherRank_IsRefused()
    {
        _folder.Job = _folder.Job with { Rank = 2 };

        Assert.Equal("tensor_shape_mismatch", Assert.Throws<FedCloudException>(() => _folder.Run()).Code.Name);
    }

    [Fact]
    public void Run_UnknownTargetModule_IsRefused()
    {
        _folder.Job = _folder.Job with { TargetModules = ["q_proj", "w_pack"] };

        Assert.Equal("target_module_unmatched", Assert.Throws<FedCloudException>(() => _folder.Run()).Code.Name);
    }

    public void Dispose() => _folder.Dispose();

    private void SetLastNorm(float value)
    {
        string path = Path.Combine(_folder.Base.Folder, "model.safetensors");
        TensorEntry norm;
        using (SafetensorsFile file = SafetensorsFile.Open(path, SafetensorsLimits.BaseModel))
        {
            norm = file.Header.ByName["model.norm.weight"];
        }

        byte[] bytes = File.ReadAllBytes(path);
        int data = sizeof(long) + (int)BinaryPrimitives.ReadInt64LittleEndian(bytes);
        MemoryMarshal.Cast<byte, float>(bytes.AsSpan(data + (int)norm.Offset, (int)norm.ByteLength)).Fill(value);
        File.WriteAllBytes(path, bytes);
    }
}
