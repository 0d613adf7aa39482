// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Adapters;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Safetensors;
using FedCloud.Training.Kernels;

namespace FedCloud.Training.Decoders;

/// <content>Where weights come from: files, or a generator.</content>
public sealed unsafe partial class DecoderModel
{
    /// <summary>Loads a base model and puts a zero adapter on it.</summary>
    /// <param name="config">The shape.</param>
    /// <param name="weights">The base model's weights; may be disposed of before the model.</param>
    /// <param name="adapter">The adapter's layout; null for none.</param>
    /// <param name="maxRows">The most tokens of a batch, b·t.</param>
    /// <param name="maxLength">The longest sequence.</param>
    /// <param name="threads">The most threads.</param>
    /// <param name="storage">How the matrices of the base model are stored. Norms, biases and learned positions are float32 with any.</param>
    public static DecoderModel Load(
        ModelConfig config, BaseWeights weights, AdapterLayout? adapter, int maxRows, int maxLength, int threads, WeightStorage storage = WeightStorage.F32)
    {
        ArgumentNullException.ThrowIfNull(config);
        ArgumentNullException.ThrowIfNull(weights);
        if (config.TiedHead)
        {
            weights.RequireTied(config.Names);
        }

        DecoderModel model = new(new ModelParts(config, shape => weights.Read(shape, config.Names.OptionalPrefix, storage), adapter, maxRows, maxLength, threads));
        foreach (Linear linear in model._decomposed)
        {
            linear.ResetMagnitude(threads);
        }

        return model;
    }

    /// <summary>Makes a model with random weights, normal with deviation 0.02, residual outputs scaled by 1/sqrt(2·layers) (Radford et al. 2019).</summary>
    public static DecoderModel Random(ModelConfig config, int seed, int maxRows, int maxLength, int threads)
    {
        // Not a private path: the weights of a public base model.
#pragma warning disable CA5394 // reproducible initial weights, no secret
        Random random = new(seed);
        double Normal() => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
#pragma warning restore CA5394
        Matrix Draw(WeightShape shape)
        {
            Matrix matrix = new(shape.Rows, shape.Columns);
            if (shape.IsVector)
            {
                matrix.Span.Fill(shape.Use == WeightUse.NormScale && config.Norm != NormKind.RmsOnePlus ? 1 : 0);
                return matrix;
            }

            double deviation = shape.Use == WeightUse.ResidualMatrix ? 0.02 / Math.Sqrt(2.0 * config.Layers) : 0.02;
            foreach (ref float value in matrix.Span)
            {
                value = (float)(Normal() * deviation);
            }

            return matrix;
        }

        return new DecoderModel(new ModelParts(config, shape => new Parameter(shape.Name, Draw(shape), shape.IsVector), null, maxRows, maxLength, threads));
    }

    /// <summary>Fills the adapter from a file; other tensors in it, such as the server optimizer's state, are ignored.</summary>
    /// <param name="file">A model version or a PEFT adapter.</param>
    /// <param name="layout">The layout that the model was made with.</param>
    /// <exception cref="FedCloudException"><c>tensor_missing</c>, <c>tensor_shape_mismatch</c>, <c>tensor_type_mismatch</c> or <c>tensor_not_finite</c>.</exception>
    public void LoadAdapter(SafetensorsFile file, AdapterLayout layout)
    {
        AdapterFactors.Read(file, layout, AllParameters());
        AdapterChanged();
    }
}
