// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using System.Text.Json;
using FedCloud.Cli.Processes;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Jobs;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Safetensors;

namespace FedCloud.Cli.Demo;

/// <summary>What the silos would have alone: each trains on its own examples for as many steps as it did in the federation, and all adapters are scored on its own and on everybody's evaluation examples.</summary>
/// <remarks>
/// Only a demo can do this, since it has all silos' files. Nobody is handicapped: alone, AdamW keeps its moments, and where the plan alternates factors both train.
/// Steps at home continue from the federated adapter on the silo's own examples (fine-tuning after averaging; Cheng, Chadha and Duchi 2021); alone, a silo then trains for the sum of both.
/// </remarks>
/// <param name="plan">The plan of the run.</param>
/// <param name="baseFolder">The base model.</param>
/// <param name="folder">A fresh folder for jobs.</param>
/// <param name="progress">Takes lines of trainers, with their silo.</param>
internal sealed class AloneComparison(RunConfig plan, string baseFolder, string folder, Action<string, string> progress)
{
    private const string VersionName = "version.safetensors";
    private static readonly TimeSpan Limit = TimeSpan.FromDays(1);

    private readonly string _trainer = ProgramFiles.Find("FedCloud.Trainer", "fedcloud-trainer");

    /// <summary>Trains and scores.</summary>
    /// <param name="silos">The silos.</param>
    /// <param name="startVersion">The version that the run began with.</param>
    /// <param name="finalVersion">The version that it made.</param>
    /// <param name="atHome">Steps at home; 0 for none.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <exception cref="FedCloudException">Any code of docs/job-format.md.</exception>
    public async Task<AloneLosses> RunAsync(IReadOnlyList<DemoData> silos, string startVersion, string finalVersion, int atHome, CancellationToken cancellation)
    {
        Directory.CreateDirectory(folder);
        string union = Path.Combine(folder, "union.jsonl");
        int examples = WriteUnion(union, silos);
        ConcurrentDictionary<string, (double Own, double Union)> alone = new(StringComparer.Ordinal);
        ConcurrentDictionary<string, double> home = new(StringComparer.Ordinal);
        ParallelOptions parallel = new() { MaxDegreeOfParallelism = Environment.ProcessorCount, CancellationToken = cancellation };
        await Parallel.ForEachAsync(silos, parallel, async (silo, stop) =>
        {
            string version = await TrainAsync($"{silo.Name}-train", silo, checked((int)plan.TotalSteps + atHome), startVersion, stop);
            alone[silo.Name.Value] = (await ScoreOwnAsync($"{silo.Name}-own", silo, version, stop), await ScoreAsync($"{silo.Name}-union", silo, union, everybody: true, version, stop));
            if (atHome > 0)
            {
                home[silo.Name.Value] = await ScoreOwnAsync($"{silo.Name}-home-own", silo, await TrainAsync($"{silo.Name}-home", silo, atHome, finalVersion, stop), stop);
            }
        });
        double federated = await ScoreAsync("federated", silos[0], union, everybody: true, finalVersion, cancellation);
        return new AloneLosses(examples, federated, alone, home);
    }

    private string AloneFactors => (plan.FactorsOf(0) == plan.FactorsOf(1) ? plan.FactorsOf(0) : ExchangedFactor.Both).ToWire();

    private int WriteUnion(string path, IReadOnlyList<DemoData> silos)
    {
        int limit = plan.Training.EvaluationExamples is > 0 and int given ? given : int.MaxValue;
        string[] lines =
        [
            .. silos.Select(silo => silo.EvalFile).Distinct(StringComparer.Ordinal)
                .SelectMany(file => File.ReadLines(file).Where(line => !string.IsNullOrWhiteSpace(line)).Take(limit)),
        ];
        File.WriteAllLines(path, lines);
        return lines.Length;
    }

    private async Task<string> TrainAsync(string name, DemoData silo, int steps, string from, CancellationToken cancellation)
    {
        RunConfig ofOneRound = plan with { Rounds = 1, Training = plan.Training with { LocalSteps = steps } };
        string job = await RunJobAsync(name, silo, ofOneRound, "train", from, silo.EvalFile, cancellation);
        string version = Path.Combine(job, VersionName);
        Apply(from, Path.Combine(job, "update.safetensors"), version);
        return version;
    }

    private Task<double> ScoreOwnAsync(string name, DemoData silo, string version, CancellationToken cancellation) =>
        ScoreAsync(name, silo, silo.EvalFile, everybody: false, version, cancellation);

    private async Task<double> ScoreAsync(string name, DemoData silo, string evalFile, bool everybody, string version, CancellationToken cancellation)
    {
        RunConfig scored = everybody ? plan with { Training = plan.Training with { EvaluationExamples = 0 } } : plan;
        string job = await RunJobAsync(name, silo, scored, "evaluate", version, evalFile, cancellation);
        using JsonDocument metrics = JsonDocument.Parse(await File.ReadAllBytesAsync(Path.Combine(job, "metrics.json"), cancellation));
        return metrics.RootElement.GetProperty("eval_loss_before").GetDouble();
    }

    private async Task<string> RunJobAsync(string name, DemoData silo, RunConfig jobPlan, string mode, string version, string evalFile, CancellationToken cancellation)
    {
        string job = Path.Combine(folder, name);
        Directory.CreateDirectory(job);
        JobHost host = new()
        {
            BaseModel = baseFolder,
            Adapter = version,
            TrainFile = silo.TrainFile,
            EvalFile = evalFile,
            Threads = 1,
            MaxMemoryMib = 0,
            Deadline = (DateTimeOffset.UtcNow + Limit).ToUnixTimeSeconds(),
        };
        WholeFile.Write(Path.Combine(job, "job.json"), JobFile.Of(jobPlan, version: 0, round: 1, mode, AloneFactors, host, privacy: null));
        Dictionary<string, string?> environment = new(StringComparer.Ordinal) { ["FEDCLOUD_STOP_WITH_INPUT"] = "1" };
        await using ChildProcess trainer = ChildProcess.Start(name, _trainer, ["run", job], environment, Path.Combine(job, "trainer.log"), line => progress(silo.Name.Value, line));
        return await trainer.WaitAsync(cancellation) == 0
            ? job
            : throw new FedCloudException(ErrorCodes.TrainerFailed, $"the trainer of {name} failed while the silos were compared", $"look at {Path.Combine(job, "trainer.log")}");
    }

    // new = start + update, tensor by tensor; what did not train stays.
    private static void Apply(string startPath, string updatePath, string path)
    {
        using SafetensorsFile start = SafetensorsFile.Open(startPath, SafetensorsLimits.Foreign);
        using SafetensorsFile update = SafetensorsFile.Open(updatePath, SafetensorsLimits.Foreign);
        SafetensorsWriter.WriteFile(path, start.Header.Tensors, metadata: null, (entry, stream) =>
        {
            float[] values = new float[entry.Count];
            start.ReadF32(entry, 0, values);
            if (update.Header.ByName.TryGetValue(entry.Name, out TensorEntry? change))
            {
                float[] difference = new float[change.Count];
                update.ReadF32(change, 0, difference);
                for (int i = 0; i < values.Length; i++)
                {
                    values[i] += difference[i];
                }
            }

            stream.Write(MemoryMarshal.AsBytes(values.AsSpan()));
        });
    }
}

/// <summary>What was measured, in natural log per token.</summary>
/// <param name="UnionExamples">The evaluation examples of all silos together.</param>
/// <param name="Federated">The final model's loss on them.</param>
/// <param name="Alone">The losses of each silo's own adapter: on its own evaluation examples and on all.</param>
/// <param name="AtHome">The losses of each silo's adapter after its steps at home, on its own evaluation examples; empty where there were none.</param>
internal sealed record AloneLosses(int UnionExamples, double Federated, IReadOnlyDictionary<string, (double Own, double Union)> Alone, IReadOnlyDictionary<string, double> AtHome);
