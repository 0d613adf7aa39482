// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Adapters;

namespace FedCloud.Trainer.Tests;

public sealed class GenerateCommandTests : IDisposable
{
    private readonly SampleJob _sample = new();

    [Fact]
    public void Generate_SampleBase_SpeaksItsGeneralText()
    {
        TrainerRun run = TrainerRun.Of("generate", "--base", SampleJob.Base, "--prompt", "What does the teacher say about the train?", "--max-tokens", "12");

        Assert.Equal((0, string.Empty), (run.ExitCode, run.Error));
        Assert.Equal("What does the teacher say about the train?", run.Output[0]);
        Assert.Matches("^[A-Z][a-z]+ [a-z]+ ", run.Output[1]);
    }

    [Fact]
    public void Generate_AdapterWithZeroB_ChangesNothing()
    {
        File.Copy(_sample.AdapterFile, Path.Combine(_sample.Folder, "adapter_model.safetensors"));
        File.WriteAllBytes(Path.Combine(_sample.Folder, "adapter_config.json"), PeftConfig.Of("sample", SampleJob.Layout, SampleJob.Modules).ToJson());

        TrainerRun bare = TrainerRun.Of("generate", "--base", SampleJob.Base, "--prompt", "Why is the museum so quiet?", "--max-tokens", "8");
        TrainerRun adapted = TrainerRun.Of("generate", "--base", SampleJob.Base, "--prompt", "Why is the museum so quiet?", "--max-tokens", "8", "--adapter", _sample.Folder);

        Assert.Equal((0, string.Empty), (adapted.ExitCode, adapted.Error));
        Assert.Equal(bare.Output, adapted.Output, StringComparer.Ordinal);
    }

    [Theory]
    [InlineData("{}", "adapter_unsupported")]
    [InlineData(null, "file_missing")]
    public void Generate_BrokenAdapter_IsRefused(string? configuration, string code)
    {
        if (configuration is not null)
        {
            File.WriteAllText(Path.Combine(_sample.Folder, "adapter_config.json"), configuration);
        }

        TrainerRun run = TrainerRun.Of("generate", "--base", SampleJob.Base, "--prompt", "x", "--adapter", _sample.Folder);

        Assert.Equal(2, run.ExitCode);
        Assert.StartsWith(code + ": ", run.Error, StringComparison.Ordinal);
    }

    public void Dispose() => _sample.Dispose();
}
