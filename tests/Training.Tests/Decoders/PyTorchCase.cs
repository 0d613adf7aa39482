// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Adapters;
using FedCloud.Training.Examples;

namespace FedCloud.Training.Tests.Decoders;

/// <summary>A training that PyTorch did as well; vectors/README.md describes it.</summary>
/// <param name="Base">The folder of the base model.</param>
/// <param name="TrainsBase">Whether the base model's weights train.</param>
/// <param name="Adapter">The adapter; null for none.</param>
/// <param name="Optimizer">What moves the parameters; null where only the gradients of one step are known.</param>
/// <param name="Steps">The examples by step and micro-batch.</param>
/// <param name="Losses">The mean loss per token of each step.</param>
/// <param name="GradientNorms">The gradient's global L2 norm before clipping, of each step.</param>
internal sealed record PyTorchCase(
    string Base,
    bool TrainsBase,
    PyTorchAdapter? Adapter,
    PyTorchOptimizer? Optimizer,
    ImmutableArray<ImmutableArray<ImmutableArray<Example>>> Steps,
    ImmutableArray<double> Losses,
    ImmutableArray<double> GradientNorms);

/// <summary>The adapter of a case.</summary>
/// <param name="Exchanged">The factors that train, as in a job.</param>
/// <param name="Rank">The rank.</param>
/// <param name="Alpha">Alpha.</param>
/// <param name="TargetModules">The adapted modules, sorted.</param>
/// <param name="UseDora">Whether weights are decomposed.</param>
/// <param name="UseRslora">Whether the scaling is alpha / √rank.</param>
/// <param name="RankPattern">Ranks of some modules.</param>
/// <param name="AlphaPattern">Alphas of some modules.</param>
internal sealed record PyTorchAdapter(
    string Exchanged,
    int Rank,
    double Alpha,
    ImmutableArray<string> TargetModules,
    bool UseDora = false,
    bool UseRslora = false,
    Dictionary<string, int>? RankPattern = null,
    Dictionary<string, double>? AlphaPattern = null)
{
    /// <summary>Ranks and scalings. Keys come in the order of the file, which has them sorted.</summary>
    public LoraForm Form => new(Rank, Alpha)
    {
        IsDecomposed = UseDora,
        IsRankStabilized = UseRslora,
        RankPattern = [.. (RankPattern ?? []).OrderBy(one => one.Key, StringComparer.Ordinal)],
        AlphaPattern = [.. (AlphaPattern ?? []).OrderBy(one => one.Key, StringComparer.Ordinal)],
    };
}

/// <summary>AdamW and the learning rate of a case, by the names of a job.</summary>
internal sealed record PyTorchOptimizer(
    double Beta1,
    double Beta2,
    double Epsilon,
    double WeightDecay,
    double ClipNorm,
    double LearningRate,
    bool Cosine,
    long WarmupSteps,
    long FirstGlobalStep,
    long TotalGlobalSteps);
