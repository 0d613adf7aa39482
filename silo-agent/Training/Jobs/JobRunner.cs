// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text.Json;
using FedCloud.Protocol.Adapters;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Safetensors;
using FedCloud.Training.Decoders;
using FedCloud.Training.Examples;
using FedCloud.Training.Kernels;
using FedCloud.Training.Tokenization;

namespace FedCloud.Training.Jobs;

/// <summary>Runs one job folder: evaluate, train, write the update. A job that was killed goes on from its checkpoint, a plain one with the same bits.</summary>
public sealed class JobRunner
{
    private const string UpdateName = "update.safetensors";
    private const string MetricsName = "metrics.json";

    private readonly string _folder;
    private readonly TrainingJob _job;
    private readonly Action<JobProgress> _report;
    private readonly JobClock _clock;
    private readonly ITrainingEngine _engine;

    /// <summary>Prepares a job.</summary>
    /// <param name="folder">The job's folder.</param>
    /// <param name="report">Takes progress.</param>
    /// <param name="time">The clock of deadlines.</param>
    /// <param name="engine">What computes the model; the managed engine when null.</param>
    public JobRunner(string folder, Action<JobProgress> report, TimeProvider time, ITrainingEngine? engine = null)
    {
        _folder = folder;
        _report = report;
        _job = TrainingJob.Read(folder);
        _clock = new JobClock(time, _job.Deadline);
        _engine = engine ?? new ManagedEngine();
    }

    /// <summary>Runs the job to its end.</summary>
    /// <exception cref="FedCloudException">Any code of docs/job-format.md.</exception>
    public void Run()
    {
        _report(new JobProgress { Event = "started", Steps = _job.LocalSteps, BaseWeights = _job.Storage.ToWire() });
        _engine.Prepare(_job, _report);
        ModelConfig config = ModelConfig.Read(Path.Combine(_job.BaseModelDir, "config.json"));
        int length = _job.SequenceLength;
        BaseModelFit.RequirePositions(length, config.Positions);
        Tokenizer tokenizer = Tokenizer.Read(Path.Combine(_job.BaseModelDir, "tokenizer.json"));
        EmbeddedTokens.Require(tokenizer, config.Vocabulary);
        int? endOfText = config.EndOfText ?? tokenizer.AddedToken(BpeTrainer.EndOfText);
        ExampleEncoder Encoder(bool persons) => new(tokenizer, endOfText, length)
        {
            Persons = persons,
            Chat = () => ChatTemplates.Find(_job.BaseModelDir, tokenizer),
            EmbeddedTokens = config.Vocabulary,
        };
        ExampleFile evaluation = ExampleFile.Read(_job.EvalFile, Encoder(persons: false));
        ExampleFile? train = IsTraining ? ExampleFile.Read(_job.TrainFile, Encoder(persons: _job.Privacy?.IsPerPerson ?? false)) : null;
        if (train is not null)
        {
            RingTraining.RequireRoom(_job.Ring, train);
        }

        int rows = _engine.RequireRows(config, _job);

        using BaseWeights weights = BaseWeights.Open(_job.BaseModelDir);
        AdapterLayout layout = AdapterLayout.Of(weights.Tensors, _job.TargetModules, _job.Form());
        using IDecoder model = _engine.Load(config, weights, layout, rows, length, _job.Threads, _job.Storage);
        Dictionary<string, Parameter> adapter = LoadAdapter(model, layout);
        double? before = Evaluate(model, evaluation);
        _report(new JobProgress { Event = "evaluated", Loss = before, Examples = train?.Examples.Count, Truncated = train?.Truncated });
        JobMetrics metrics = new()
        {
            EvalLossBefore = before,
            EvaluationExamples = EvaluatedExamples(evaluation).Count,
            TrainLoss = [],
            TrainExamples = train?.Examples.Count ?? 0,
            TruncatedTrainExamples = train?.Truncated ?? 0,
            TrainedTokens = 0,
            TrainingSeconds = 0,
        };
        if (train is not null)
        {
            metrics = Train(model, layout, adapter, train, metrics);
        }

        WholeFile.Write(Path.Combine(_folder, MetricsName), JsonSerializer.SerializeToUtf8Bytes(metrics, TrainingJobJson.Default.JobMetrics));
        _report(new JobProgress { Event = "done" });
    }

    private bool IsTraining => string.Equals(_job.Mode, "train", StringComparison.Ordinal);

    private ExchangedFactor Exchanged => ExchangedFactorExtensions.FromWire(_job.Exchanged) ?? throw new InvalidOperationException("a checked job names its factors");

    private Dictionary<string, Parameter> LoadAdapter(IDecoder model, AdapterLayout layout)
    {
        using SafetensorsFile version = SafetensorsFile.Open(_job.AdapterFile, SafetensorsLimits.Foreign);
        model.LoadAdapter(version, layout);
        return model.Adapters
            .SelectMany(factors => factors.Parameters)
            .ToDictionary(parameter => parameter.Name, StringComparer.Ordinal);
    }

    private List<Example> EvaluatedExamples(ExampleFile evaluation) =>
        [.. evaluation.Examples.Take(_job.EvaluationExamples == 0 ? int.MaxValue : _job.EvaluationExamples)];

    // Under a privacy claim a job that stops at a record would tell of it, so it goes on.
    private double? Evaluate(IDecoder model, ExampleFile evaluation)
    {
        double loss = 0;
        long counted = 0;
        foreach (Example[] chunk in EvaluatedExamples(evaluation).Chunk(_job.BatchSize))
        {
            _clock.Require(0, "while evaluating");
            Batch batch = Batch.Of(chunk);
            model.Forward(batch.Tokens, batch.B, batch.T, batch.Lengths);
            loss += model.Loss(batch.Targets, 1);
            counted += batch.Counted;
        }

        double mean = loss / Math.Max(1, counted);
        return double.IsFinite(mean) ? mean
            : _job.IsClaimed ? null
            : throw new FedCloudException(ErrorCodes.LossNotFinite, $"expected a finite evaluation loss of the start model, found {mean}");
    }

    private JobMetrics Train(IDecoder model, AdapterLayout layout, Dictionary<string, Parameter> adapter, ExampleFile train, JobMetrics metrics)
    {
        model.TrainAdapter(Exchanged);
        long began = _clock.Timestamp();
        JobPosition end = _job.Ring is { } ring ? TrainOnRing(model, layout, ring, train) : TrainLocally(model, layout, adapter, train);
        return metrics with { TrainLoss = [.. end.Losses.Select(loss => double.IsNaN(loss) ? (double?)null : loss)], TrainedTokens = end.Tokens, TrainingSeconds = _clock.SecondsSince(began) };
    }

    private JobPosition TrainLocally(IDecoder model, AdapterLayout layout, Dictionary<string, Parameter> adapter, ExampleFile train)
    {
        Dictionary<string, float[]> start = layout.Exchanged(Exchanged).ToDictionary(tensor => tensor.Tensor.Name, tensor => adapter[tensor.Tensor.Name].Value.Span.ToArray(), StringComparer.Ordinal);
        JobPosition end = new LocalTraining(_job, _folder, _clock, _report).Run(model, train);
        WriteUpdate(layout, adapter, start);
        return end;
    }

    // Coordinates are in the order of the trained parameters, and each parameter has its tensor's name.
    private JobPosition TrainOnRing(IDecoder model, AdapterLayout layout, JobRing ring, ExampleFile train)
    {
        (StepLoss seen, int[] update) = new RingTraining(_job, ring, _clock, _report).Run(model, train);
        Dictionary<string, int> starts = new(StringComparer.Ordinal);
        int start = 0;
        foreach (Parameter parameter in model.Trained)
        {
            starts.Add(parameter.Name, start);
            start += parameter.Value.Span.Length;
        }

        SafetensorsWriter.WriteFile(Path.Combine(_folder, UpdateName), layout.UpdateTensors(Exchanged, TensorType.I32), metadata: null, (entry, stream) =>
            stream.Write(MemoryMarshal.AsBytes(update.AsSpan(starts[entry.Name], (int)entry.Count))));
        CryptographicOperations.ZeroMemory(MemoryMarshal.AsBytes(update.AsSpan()));
        return new JobPosition([seen.Loss ?? double.NaN], seen.Counted);
    }

    private void WriteUpdate(AdapterLayout layout, Dictionary<string, Parameter> adapter, Dictionary<string, float[]> start)
    {
        SafetensorsWriter.WriteFile(Path.Combine(_folder, UpdateName), layout.UpdateTensors(Exchanged), metadata: null, (entry, stream) =>
        {
            ReadOnlySpan<float> now = adapter[entry.Name].Value.Span;
            float[] difference = start[entry.Name];
            for (int i = 0; i < difference.Length; i++)
            {
                difference[i] = now[i] - difference[i];
            }

            if (FiniteCheck.IndexOfNotFinite(difference) >= 0)
            {
                throw new FedCloudException(ErrorCodes.LossNotFinite, $"expected a finite update after step {_job.LocalSteps}, found NaN or infinity in {entry.Name}");
            }

            stream.Write(MemoryMarshal.AsBytes(difference.AsSpan()));
        });
    }
}
