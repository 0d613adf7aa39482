// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Adapters;
using FedCloud.Training.Kernels;

namespace FedCloud.Training.Decoders;

/// <summary>Makes the parts of a model: their weights from a source, their adapters, their buffers.</summary>
/// <param name="config">The shape.</param>
/// <param name="load">Gives the weights; they become the model's.</param>
/// <param name="adapter">The adapter's layout; null for none.</param>
/// <param name="rows">The most tokens of a batch.</param>
/// <param name="length">The longest sequence.</param>
/// <param name="threads">The most threads.</param>
internal sealed class ModelParts(ModelConfig config, Func<WeightShape, Parameter> load, AdapterLayout? adapter, int rows, int length, int threads)
{
    private readonly Dictionary<string, LinearShape> _adapted = adapter?.Modules.ToDictionary(module => module.Module, StringComparer.Ordinal) ?? [];

    public ModelConfig Config => config;

    public int Rows => rows;

    public int Length => length;

    public int Threads => threads;

    public Parameter Embedding(string module, int count, WeightUse use = WeightUse.Matrix) => load(new WeightShape(module + ".weight", count, config.Hidden, use));

    /// <summary>A norm of rows of this width, of which there are at most so many for each token.</summary>
    public Norm Norm(string module, int width, int perToken = 1) => new(
        config.Norm,
        load(new WeightShape(module + ".weight", 1, width, WeightUse.NormScale)),
        config.Norm == NormKind.Layer ? load(new WeightShape(module + ".bias", 1, width, WeightUse.Bias)) : null,
        config.NormEpsilon,
        rows * perToken);

    public Norm? NormIf(string prefix, string? module, int width, int perToken = 1) => module is null ? null : Norm(prefix + module, width, perToken);

    public Linear Linear(string module, int outputs, int inputs, bool bias, bool residual = false)
    {
        (int first, int second) = config.WeightsAreInOut ? (inputs, outputs) : (outputs, inputs);
        Parameter weight = load(new WeightShape(module + ".weight", first, second, residual ? WeightUse.ResidualMatrix : WeightUse.Matrix, config.WeightsAreInOut));
        Parameter? added = bias ? load(new WeightShape(module + ".bias", 1, outputs, WeightUse.Bias)) : null;
        LoraFactors? factors = null;
        if (adapter is not null && _adapted.TryGetValue(module, out LinearShape? shape))
        {
            int rank = adapter.RankOf(module);
            factors = new LoraFactors(
                new Parameter(AdapterLayout.Name(shape, Factor.A), new Matrix(rank, inputs)),
                new Parameter(AdapterLayout.Name(shape, Factor.B), new Matrix(outputs, rank)),
                (float)adapter.ScalingOf(module),
                adapter.Form.IsDecomposed ? new Parameter(AdapterLayout.Name(shape, Factor.Magnitude), new Matrix(1, outputs), isVector: true) : null);
        }

        return new Linear(module, weight, factors, rows, added, config.WeightsAreInOut);
    }
}
