// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Adapters;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Safetensors;

namespace FedCloud.Training.Decoders;

/// <summary>Fills the factors of a model's adapter from a file.</summary>
internal static class AdapterFactors
{
    /// <summary>Reads every tensor of a layout; other tensors of the file are ignored.</summary>
    /// <param name="file">A model version or a PEFT adapter.</param>
    /// <param name="layout">The layout that the model was made with.</param>
    /// <param name="parameters">The model's parameters, the factors among them.</param>
    /// <exception cref="FedCloudException"><c>tensor_missing</c>, <c>tensor_shape_mismatch</c>, <c>tensor_type_mismatch</c> or <c>tensor_not_finite</c>.</exception>
    public static void Read(SafetensorsFile file, AdapterLayout layout, IEnumerable<Parameter> parameters)
    {
        ArgumentNullException.ThrowIfNull(file);
        ArgumentNullException.ThrowIfNull(layout);
        Dictionary<string, Parameter> factors = parameters.ToDictionary(parameter => parameter.Name, StringComparer.Ordinal);
        foreach (TensorEntry tensor in layout.Tensors.Select(tensor => tensor.Tensor))
        {
            Span<float> values = factors[tensor.Name].Value.Span;
            file.ReadF32(file.Header.Require(tensor.Name, tensor.Shape.AsSpan()), 0, values);
            if (FiniteCheck.IndexOfNotFinite(values) >= 0)
            {
                throw new FedCloudException(ErrorCodes.TensorNotFinite, $"the adapter's {tensor.Name} holds NaN or infinity");
            }
        }
    }
}
