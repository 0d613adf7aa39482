// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Adapters;

namespace FedCloud.Trainer.Tests;

public sealed class MergeCommandTests : IDisposable
{
    private readonly SampleJob _sample = new();

    private string Output => Path.Combine(_sample.Folder, "merged");

    [Fact]
    public void Merge_SampleBase_SpeaksAsWithTheAdapter()
    {
        Write(BaseModelManifest.OfFolder(SampleJob.Base).Digest().Hex);

        TrainerRun run = TrainerRun.Of("merge", "--base", SampleJob.Base, "--adapter", _sample.Folder, "--out", Output);
        TrainerRun adapted = TrainerRun.Of("generate", "--base", SampleJob.Base, "--prompt", "Why is the museum so quiet?", "--max-tokens", "8", "--adapter", _sample.Folder);
        TrainerRun merged = TrainerRun.Of("generate", "--base", Output, "--prompt", "Why is the museum so quiet?", "--max-tokens", "8");

        Assert.Equal((0, string.Empty), (run.ExitCode, run.Error));
        Assert.Equal(["Merged the adapter's " + SampleJob.Layout.Modules.Length + $" modules into {Output}.", "The base model has the digest that the adapter names."], run.Output);
        Assert.Equal(0, merged.ExitCode);
        Assert.Equal(adapted.Output, merged.Output, StringComparer.Ordinal);
    }

    [Fact]
    public void Merge_BaseNamedOtherwise_SaysThatOnlyShapesWereChecked()
    {
        Write("org/model");

        TrainerRun run = TrainerRun.Of("merge", "--base", SampleJob.Base, "--adapter", _sample.Folder, "--out", Output, "--dtype", "bf16");

        Assert.Equal(0, run.ExitCode);
        Assert.Equal("The adapter names the base model 'org/model', not a digest: only shapes could be checked.", run.Output[1]);
    }

    [Theory]
    [InlineData("merge")]
    [InlineData("generate")]
    public void Any_AdapterOfAnotherBase_IsRefused(string command)
    {
        Write(new string('a', 64));

        TrainerRun run = TrainerRun.Of([command, "--base", SampleJob.Base, "--adapter", _sample.Folder, .. command is "merge" ? (string[])["--out", Output] : ["--prompt", "x"]]);

        Assert.Equal(6, run.ExitCode);
        Assert.StartsWith("adapter_base_mismatch: ", run.Error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(Output));
    }

    [Theory]
    [InlineData("--dtype", "f64")]
    [InlineData("--surprise", "1")]
    public void Merge_OtherOptions_AreRefused(string name, string value) =>
        Assert.Equal(2, TrainerRun.Of("merge", "--base", SampleJob.Base, "--adapter", _sample.Folder, "--out", Output, name, value).ExitCode);

    public void Dispose() => _sample.Dispose();

    private void Write(string model)
    {
        File.Copy(_sample.AdapterFile, Path.Combine(_sample.Folder, PeftAdapter.WeightsFile));
        File.WriteAllBytes(Path.Combine(_sample.Folder, PeftConfig.FileName), PeftConfig.Of(model, SampleJob.Layout, SampleJob.Modules).ToJson());
    }
}
