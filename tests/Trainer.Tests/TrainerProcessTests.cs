// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Diagnostics;
using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
using FedCloud.Protocol.Adapters;
using FedCloud.Protocol.Safetensors;
using FedCloud.Training.Jobs;
using FedCloud.Training.Sample;
using Xunit;
using Xunit.Abstractions;

namespace FedCloud.Trainer.Tests;

public sealed class TrainerProcessTests(ITestOutputHelper output)
{
    private static readonly ImmutableArray<string> Modules = ["q_proj", "v_proj"];

    [Fact]
    public void Assemblies_All_ReferenceNoNetworking()
    {
        string[] files = ["fedcloud-trainer.dll", "FedCloud.Training.dll", "FedCloud.Protocol.dll"];

        foreach (string file in files)
        {
            using PEReader reader = new(File.OpenRead(Path.Combine(AppContext.BaseDirectory, file)));
            MetadataReader metadata = reader.GetMetadataReader();
            IEnumerable<string> references = metadata.AssemblyReferences.Select(handle => metadata.GetString(metadata.GetAssemblyReference(handle).Name));

            Assert.DoesNotContain(references, name => name.StartsWith("System.Net", StringComparison.Ordinal));
        }
    }

    [Fact]
    public async Task Run_InAnEmptyNetworkNamespace_Trains()
    {
        string job = MakeJob(steps: 2);

        (int exit, string text) = await StartAsync("unshare", ["-r", "-n", Program(), "run", job]);
        if (exit != 0 && text.Contains("unshare", StringComparison.Ordinal))
        {
            output.WriteLine("skipped: this system allows no network namespaces");
            return;
        }

        Assert.Equal(0, exit);
        Assert.True(File.Exists(Path.Combine(job, "update.safetensors")));
    }

    [Fact]
    public async Task Run_KilledAndStartedAgain_GivesTheSameBits()
    {
        string whole = MakeJob(steps: 120, checkpointEvery: 10);
        string broken = MakeJob(steps: 120, checkpointEvery: 10);
        await StartAsync(Program(), ["run", whole]);

        using (Process process = Start(Program(), ["run", broken]))
        {
            while (await process.StandardOutput.ReadLineAsync() is { } line && !line.Contains("\"step\":15,", StringComparison.Ordinal))
            {
            }

            process.Kill();
            await process.WaitForExitAsync();
        }

        Assert.False(File.Exists(Path.Combine(broken, "update.safetensors")));
        (int exit, string text) = await StartAsync(Program(), ["run", broken]);
        Assert.Equal(0, exit);
        Assert.DoesNotContain("\"step\":1,", text, StringComparison.Ordinal);
        Assert.Equal(File.ReadAllBytes(Path.Combine(whole, "update.safetensors")), File.ReadAllBytes(Path.Combine(broken, "update.safetensors")));
    }

    [Theory]
    [InlineData("train", "{\"prompt\":\"a\",\"completion\":\"b\"}\n{\"prompt\":\"a\"\n", "jsonl_malformed", "line 2")]
    [InlineData("train", "{\"prompt\":\"a\",\"completion\":\"\"}\n", "completion_empty", "line 1")]
    [InlineData("train", "\n\n", "data_empty", "train")]
    [InlineData("job", "{}", "job_malformed", "job.json")]
    [InlineData("base", "garbage", "safetensors_malformed", "model.safetensors")]
    public async Task Run_BadInput_SaysWhatAndWhere(string what, string content, string code, string where)
    {
        string job = MakeJob(steps: 2);
        string path = what switch
        {
            "train" => Path.Combine(job, "train.jsonl"),
            "job" => Path.Combine(job, "job.json"),
            _ => Path.Combine(job, "base", "model.safetensors"),
        };
        File.WriteAllText(path, content);

        (int exit, string text) = await StartAsync(Program(), ["run", job]);

        Assert.Equal(2, exit);
        Assert.Contains($"{code}: ", text, StringComparison.Ordinal);
        Assert.Contains(where, text, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", text, StringComparison.Ordinal);
        Assert.False(File.Exists(Path.Combine(job, "update.safetensors")));
    }

    [Fact]
    public async Task Run_DeadlineInThePast_StopsAndWritesNothing()
    {
        string job = MakeJob(steps: 2, deadline: 1);

        (int exit, string text) = await StartAsync(Program(), ["run", job]);

        Assert.Equal(1, exit);
        Assert.Contains("trainer_deadline", text, StringComparison.Ordinal);
        Assert.False(File.Exists(Path.Combine(job, "update.safetensors")));
    }

    [Fact]
    public async Task Run_TooMuchMemory_IsRefusedBeforeItStarts()
    {
        string job = MakeJob(steps: 2, maxMemoryMib: 61);

        (int exit, string text) = await StartAsync(Program(), ["run", job]);

        Assert.Equal(5, exit);
        Assert.Contains("memory_exceeded", text, StringComparison.Ordinal);
    }

    private static string Program() => Path.Combine(AppContext.BaseDirectory, "fedcloud-trainer");

    private static string MakeJob(int steps, int checkpointEvery = 0, long deadline = long.MaxValue / 2, long maxMemoryMib = 0)
    {
        string folder = Directory.CreateTempSubdirectory("job").FullName;
        string baseFolder = Path.Combine(folder, "base");
        Directory.CreateDirectory(baseFolder);
        foreach (string file in (string[])["config.json", "tokenizer.json", "model.safetensors"])
        {
            File.Copy(Path.Combine(Root(), "samples", "base", file), Path.Combine(baseFolder, file));
        }

        File.Copy(Path.Combine(Root(), "samples", "data", SampleSilo.All[0].Name + ".train.jsonl"), Path.Combine(folder, "train.jsonl"));
        File.Copy(Path.Combine(Root(), "samples", "data", SampleSilo.All[0].Name + ".eval.jsonl"), Path.Combine(folder, "eval.jsonl"));
        using (SafetensorsFile weights = SafetensorsFile.Open(Path.Combine(baseFolder, "model.safetensors"), SafetensorsLimits.BaseModel))
        {
            AdapterLayout layout = new(LinearShape.Select(weights.Header.Tensors, Modules, 4), 4);
            SafetensorsWriter.WriteFile(Path.Combine(folder, "version.safetensors"), [.. layout.Tensors.Select(tensor => tensor.Tensor)], null, (entry, stream) =>
                stream.Write(AdapterSeed.Bytes(1, layout.Tensors.Single(tensor => tensor.Tensor.Name == entry.Name))));
        }

        TrainingJob job = new()
        {
            V = 1,
            Mode = "train",
            Round = 1,
            BaseModelDir = baseFolder,
            AdapterFile = Path.Combine(folder, "version.safetensors"),
            TrainFile = Path.Combine(folder, "train.jsonl"),
            EvalFile = Path.Combine(folder, "eval.jsonl"),
            Exchanged = "b",
            Rank = 4,
            Alpha = 8,
            TargetModules = Modules,
            LocalSteps = steps,
            FirstGlobalStep = 0,
            TotalGlobalSteps = 10,
            BatchSize = 4,
            GradientAccumulation = 1,
            SequenceLength = 64,
            LearningRate = 0.01,
            Schedule = "cosine",
            WarmupSteps = 1,
            WeightDecay = 0,
            AdamBeta1 = 0.9,
            AdamBeta2 = 0.999,
            AdamEpsilon = 1e-8,
            ClipNorm = 1,
            Seed = 1,
            EvaluationExamples = 4,
            Threads = 1,
            MaxMemoryMib = maxMemoryMib,
            CheckpointEvery = checkpointEvery,
            Deadline = deadline,
        };
        File.WriteAllBytes(Path.Combine(folder, "job.json"), job.ToJson());
        return folder;
    }

    private static async Task<(int Exit, string Text)> StartAsync(string program, string[] arguments)
    {
        using Process process = Start(program, arguments);
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string text = await process.StandardOutput.ReadToEndAsync() + await errors;
        await process.WaitForExitAsync();
        return (process.ExitCode, text);
    }

    private static Process Start(string program, string[] arguments)
    {
        ProcessStartInfo start = new(program) { UseShellExecute = false, RedirectStandardOutput = true, RedirectStandardError = true };
        foreach (string argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        return Process.Start(start)!;
    }

    private static string Root()
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "FedCloud.sln")))
        {
            folder = folder.Parent;
        }

        return folder?.FullName ?? throw new InvalidOperationException("the tests run inside the repository");
    }
}
