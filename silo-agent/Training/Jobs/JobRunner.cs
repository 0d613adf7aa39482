// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text.Json;
using FedCloud.Protocol.Adapters;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Safetensors;
using FedCloud.Training.Examples;
using FedCloud.Training.Llama;
using FedCloud.Training.Optimization;
using FedCloud.Training.Tokenization;

namespace FedCloud.Training.Jobs;

/// <summary>Runs one job folder: evaluate, train, write the update. A job that was killed goes on from its checkpoint with the same bits.</summary>
public sealed class JobRunner
{
    private const string UpdateName = "update.safetensors";
    private const string MetricsName = "metrics.json";

    private readonly string _folder;
    private readonly TrainingJob _job;
    private readonly Action<JobProgress> _report;
    private readonly TimeProvider _time;

    /// <summary>Prepares a job.</summary>
    /// <param name="folder">The job's folder.</param>
    /// <param name="report">Takes progress.</param>
    /// <param name="time">The clock of deadlines.</param>
    public JobRunner(string folder, Action<JobProgress> report, TimeProvider time)
    {
        _folder = folder;
        _report = report;
        _time = time;
        _job = TrainingJob.Read(folder);
    }

    /// <summary>Runs the job to its end.</summary>
    /// <exception cref="FedCloudException">Any code of docs/job-format.md.</exception>
    public void Run()
    {
        _report(new JobProgress { Event = "started", Steps = _job.LocalSteps });
        LlamaConfig config = LlamaConfig.Read(Path.Combine(_job.BaseModelDir, "config.json"));
        ByteLevelBpe tokenizer = ByteLevelBpe.Read(Path.Combine(_job.BaseModelDir, "tokenizer.json"));
        if (tokenizer.Size > config.Vocabulary)
        {
            throw new FedCloudException(ErrorCodes.TokenizerUnsupported, $"expected at most {config.Vocabulary} tokens, found {tokenizer.Size} in tokenizer.json");
        }

        int length = Math.Min(_job.SequenceLength, config.Positions);
        int? endOfText = tokenizer.AddedToken(BpeTrainer.EndOfText);
        ExampleFile evaluation = ExampleFile.Read(_job.EvalFile, tokenizer, endOfText, length);
        ExampleFile? train = IsTraining ? ExampleFile.Read(_job.TrainFile, tokenizer, endOfText, length) : null;
        int rows = _job.BatchSize * (length - 1);
        MemoryEstimate.Require(config, _job, rows, length);

        using SafetensorsFile weights = OpenBase();
        AdapterLayout layout = new(LinearShape.Select(weights.Header.Tensors, _job.TargetModules, _job.Rank), _job.Rank);
        using LlamaModel model = LlamaModel.Load(config, weights, layout, (float)(_job.Alpha / _job.Rank), rows, length, _job.Threads);
        Dictionary<string, Parameter> adapter = LoadAdapter(model, layout);
        double before = Evaluate(model, evaluation);
        _report(new JobProgress { Event = "evaluated", Loss = before });
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

    private SafetensorsFile OpenBase()
    {
        string path = Path.Combine(_job.BaseModelDir, "model.safetensors");
        return File.Exists(path)
            ? SafetensorsFile.Open(path, SafetensorsLimits.BaseModel)
            : throw new FedCloudException(ErrorCodes.BaseModelMissing, "expected model.safetensors in the base model's folder, found none");
    }

    private Dictionary<string, Parameter> LoadAdapter(LlamaModel model, AdapterLayout layout)
    {
        Dictionary<string, Parameter> adapter = model.Linears
            .Select(linear => linear.Adapter)
            .OfType<LoraFactors>()
            .SelectMany(factors => new[] { factors.A, factors.B })
            .ToDictionary(parameter => parameter.Name, StringComparer.Ordinal);
        using SafetensorsFile version = SafetensorsFile.Open(_job.AdapterFile, SafetensorsLimits.Foreign);
        foreach (AdapterTensor tensor in layout.Tensors)
        {
            Span<float> values = adapter[tensor.Tensor.Name].Value.Span;
            version.ReadF32(version.Header.Require(tensor.Tensor.Name, tensor.Tensor.Shape.AsSpan()), 0, values);
            if (FiniteCheck.IndexOfNotFinite(values) >= 0)
            {
                throw new FedCloudException(ErrorCodes.TensorNotFinite, $"the adapter's {tensor.Tensor.Name} holds NaN or infinity");
            }
        }

        return adapter;
    }

    private List<Example> EvaluatedExamples(ExampleFile evaluation) =>
        [.. evaluation.Examples.Take(_job.EvaluationExamples == 0 ? int.MaxValue : _job.EvaluationExamples)];

    private double Evaluate(LlamaModel model, ExampleFile evaluation)
    {
        double loss = 0;
        long counted = 0;
        foreach (Example[] chunk in EvaluatedExamples(evaluation).Chunk(_job.BatchSize))
        {
            RequireTime();
            Batch batch = Batch.Of(chunk);
            model.Forward(batch.Tokens, batch.B, batch.T);
            loss += model.Loss(batch.Targets, 1);
            counted += batch.Counted;
        }

        return counted == 0 ? 0 : loss / counted;
    }

    private JobMetrics Train(LlamaModel model, AdapterLayout layout, Dictionary<string, Parameter> adapter, ExampleFile train, JobMetrics metrics)
    {
        model.TrainAdapter(Exchanged);
        Dictionary<string, float[]> start = layout.Exchanged(Exchanged).ToDictionary(tensor => tensor.Tensor.Name, tensor => adapter[tensor.Tensor.Name].Value.Span.ToArray(), StringComparer.Ordinal);
        AdamW optimizer = new(model.Trained, new AdamWOptions(_job.AdamBeta1, _job.AdamBeta2, _job.AdamEpsilon, _job.WeightDecay, _job.ClipNorm));
        JobCheckpoint checkpoint = new(_folder, model.Trained, optimizer);
        List<double> losses = checkpoint.Restore(_job.LocalSteps);
        LearningRate schedule = new(_job.LearningRate, string.Equals(_job.Schedule, "cosine", StringComparison.Ordinal), _job.WarmupSteps, _job.TotalGlobalSteps);
        ExampleOrder order = new(train.Examples.Count, _job.Seed, _job.Round);
        long tokens = 0;
        int first = losses.Count;
        Stopwatch watch = Stopwatch.StartNew();
        for (int step = first; step < _job.LocalSteps; step++)
        {
            RequireTime();
            (double loss, int counted) = Step(model, train, order, step);
            if (!double.IsFinite(loss))
            {
                throw new FedCloudException(ErrorCodes.LossNotFinite, $"expected a finite loss, found {loss} at step {step + 1} of {_job.LocalSteps}");
            }

            optimizer.Step(schedule.At(_job.FirstGlobalStep + step));
            losses.Add(loss);
            tokens += counted;
            double seconds = watch.Elapsed.TotalSeconds;
            double eta = seconds / (step + 1 - first) * (_job.LocalSteps - step - 1);
            _report(new JobProgress { Event = "step", Step = step + 1, Steps = _job.LocalSteps, Loss = loss, TokensPerSecond = tokens / Math.Max(1e-9, seconds), EtaSeconds = eta });
            if (_job.CheckpointEvery > 0 && (step + 1) % _job.CheckpointEvery == 0 && step + 1 < _job.LocalSteps)
            {
                checkpoint.Save(losses);
            }
        }

        WriteUpdate(layout, adapter, start);
        return metrics with { TrainLoss = [.. losses], TrainedTokens = tokens, TrainingSeconds = watch.Elapsed.TotalSeconds };
    }

    private (double Loss, int Counted) Step(LlamaModel model, ExampleFile train, ExampleOrder order, int step)
    {
        int perStep = _job.BatchSize * _job.GradientAccumulation;
        Batch[] batches =
        [
            .. Enumerable.Range(0, _job.GradientAccumulation).Select(micro => Batch.Of(
                [.. Enumerable.Range(0, _job.BatchSize).Select(i => train.Examples[order[((long)step * perStep) + (micro * _job.BatchSize) + i]])])),
        ];
        int counted = Math.Max(1, batches.Sum(batch => batch.Counted));
        double loss = 0;
        model.ZeroGradients();
        foreach (Batch batch in batches)
        {
            model.Forward(batch.Tokens, batch.B, batch.T);
            loss += model.Loss(batch.Targets, 1f / counted);
            model.Backward();
        }

        return (loss / counted, counted);
    }

    private void WriteUpdate(AdapterLayout layout, Dictionary<string, Parameter> adapter, Dictionary<string, float[]> start)
    {
        ImmutableArray<TensorEntry> entries = [.. layout.Exchanged(Exchanged).Select(tensor => tensor.Tensor)];
        SafetensorsWriter.WriteFile(Path.Combine(_folder, UpdateName), entries, metadata: null, (entry, stream) =>
        {
            ReadOnlySpan<float> now = adapter[entry.Name].Value.Span;
            float[] difference = start[entry.Name];
            for (int i = 0; i < difference.Length; i++)
            {
                difference[i] = now[i] - difference[i];
            }

            if (FiniteCheck.IndexOfNotFinite(difference) >= 0)
            {
                throw new FedCloudException(ErrorCodes.LossNotFinite, $"the update of {entry.Name} is not finite");
            }

            stream.Write(MemoryMarshal.AsBytes(difference.AsSpan()));
        });
    }

    private void RequireTime()
    {
        if (_time.GetUtcNow().ToUnixTimeSeconds() >= _job.Deadline)
        {
            throw new FedCloudException(ErrorCodes.TrainerDeadline, "the job's deadline has passed");
        }
    }
}
