// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Runtime.InteropServices;
using FedCloud.Protocol.Adapters;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Safetensors;
using FedCloud.Training.Kernels;

namespace FedCloud.Training.Merging;

/// <summary>The tensors of a merged model: W + s·B·A where there is an adapter, with each row brought to its magnitude for DoRA; all others as they are.</summary>
/// <param name="layout">The adapter on the base model.</param>
/// <param name="factors">Its tensors.</param>
internal sealed unsafe class MergedTensors(AdapterLayout layout, SafetensorsFile factors)
{
    private const string OptionalPrefix = "transformer."; // of GPT-2
    private const int PieceElements = 1 << 16;

    private readonly Dictionary<string, LinearShape> _modules = layout.Modules.ToDictionary(module => module.Module + ".weight", StringComparer.Ordinal);

    /// <summary>Writes a tensor.</summary>
    /// <param name="file">The base model's file.</param>
    /// <param name="tensor">The tensor there.</param>
    /// <param name="type">The type to write.</param>
    /// <param name="stream">The merged file.</param>
    /// <exception cref="FedCloudException"><c>tensor_not_finite</c>: base or adapter hold NaN or infinity, or a value does not fit the type.</exception>
    public void Write(SafetensorsFile file, TensorEntry tensor, TensorType type, Stream stream)
    {
        if (_modules.TryGetValue(tensor.Name, out LinearShape? module) || _modules.TryGetValue(OptionalPrefix + tensor.Name, out module))
        {
            using Matrix weight = Merge(file, tensor, module);
            for (long start = 0; start < tensor.Count; start += PieceElements)
            {
                WritePiece(tensor.Name, new ReadOnlySpan<float>(weight.P + start, (int)Math.Min(PieceElements, tensor.Count - start)), type, stream);
            }
        }
        else if (type == tensor.Type)
        {
            Copy(file, tensor, stream);
        }
        else
        {
            float[] piece = new float[(int)Math.Min(PieceElements, tensor.Count)];
            for (long start = 0; start < tensor.Count; start += PieceElements)
            {
                Span<float> values = piece.AsSpan(0, (int)Math.Min(PieceElements, tensor.Count - start));
                file.ReadF32(tensor, start, values);
                WritePiece(tensor.Name, values, type, stream);
            }
        }
    }

    private static void Copy(SafetensorsFile file, TensorEntry tensor, Stream stream)
    {
        byte[] piece = new byte[(int)Math.Min(4 * PieceElements, tensor.ByteLength)];
        for (long start = 0; start < tensor.ByteLength; start += piece.Length)
        {
            Span<byte> bytes = piece.AsSpan(0, (int)Math.Min(piece.Length, tensor.ByteLength - start));
            file.ReadRaw(tensor, start, bytes);
            stream.Write(bytes);
        }
    }

    // W is (out, in), or (in, out) where its shape says so by the module's name.
    private Matrix Merge(SafetensorsFile file, TensorEntry tensor, LinearShape module)
    {
        bool isInOut = LinearShape.IsInOut(module.Module.Split('.')[^1]);
        (int rank, float scaling, int threads) = (layout.RankOf(module.Module), (float)layout.ScalingOf(module.Module), Environment.ProcessorCount);
        using Matrix a = Factor(module, Protocol.Adapters.Factor.A, rank, module.In);
        using Matrix b = Factor(module, Protocol.Adapters.Factor.B, module.Out, rank);
        Matrix weight = isInOut ? new(module.In, module.Out) : new(module.Out, module.In);
        try
        {
            file.ReadF32(tensor, 0, weight.Span);
            RequireFinite(tensor.Name, weight.Span);
            if (isInOut)
            {
                Gemm.Multiply(true, true, module.In, module.Out, rank, scaling, a.P, module.In, b.P, rank, 1, weight.P, module.Out, threads); // W += s·Aᵀ·Bᵀ
            }
            else
            {
                Gemm.Multiply(false, false, module.Out, module.In, rank, scaling, b.P, rank, a.P, module.In, 1, weight.P, module.In, threads); // W += s·B·A
            }

            if (layout.Form.IsDecomposed)
            {
                using Matrix magnitudes = Factor(module, Protocol.Adapters.Factor.Magnitude, 1, module.Out);
                Lengthen(weight, magnitudes, module, isInOut);
            }

            return weight;
        }
        catch
        {
            weight.Dispose();
            throw;
        }
    }

    private Matrix Factor(LinearShape module, Factor factor, int rows, int columns)
    {
        Matrix values = new(rows, columns);
        string name = AdapterLayout.Name(module, factor);
        factors.ReadF32(factors.Header.ByName[name], 0, values.Span);
        RequireFinite(name, values.Span);
        return values;
    }

    // Each output's row of W' to the length m (Liu et al. 2024, equation 5).
    private static void Lengthen(Matrix weight, Matrix magnitudes, LinearShape module, bool isInOut)
    {
        (long row, long column) = isInOut ? (1, module.Out) : ((long)module.In, 1);
        for (int o = 0; o < module.Out; o++)
        {
            double squares = 0;
            for (int i = 0; i < module.In; i++)
            {
                double value = weight.P[(o * row) + (i * column)];
                squares += value * value;
            }

            float gain = magnitudes.P[o] / (float)Math.Sqrt(squares);
            for (int i = 0; i < module.In; i++)
            {
                weight.P[(o * row) + (i * column)] *= gain;
            }
        }
    }

    private static void WritePiece(string name, ReadOnlySpan<float> values, TensorType type, Stream stream)
    {
        if (type == TensorType.F32)
        {
            RequireFinite(name, values);
            stream.Write(MemoryMarshal.AsBytes(values));
            return;
        }

        ushort[] bits = new ushort[values.Length];
        if (type == TensorType.BF16)
        {
            Rounding.ToBFloat16(values, bits);
        }

        for (int i = 0; i < bits.Length; i++)
        {
            bits[i] = type == TensorType.F16 ? BitConverter.HalfToUInt16Bits((Half)values[i]) : bits[i];
            bool isFinite = type == TensorType.F16 ? (bits[i] & 0x7c00) != 0x7c00 : (bits[i] & 0x7f80) != 0x7f80;
            if (!isFinite)
            {
                throw new FedCloudException(ErrorCodes.TensorNotFinite, $"{name}: expected values that fit {type}, found {values[i]}", "merge with --dtype f32 or bf16");
            }
        }

        stream.Write(MemoryMarshal.AsBytes(bits.AsSpan()));
    }

    private static void RequireFinite(string name, ReadOnlySpan<float> values)
    {
        if (FiniteCheck.IndexOfNotFinite(values) >= 0)
        {
            throw new FedCloudException(ErrorCodes.TensorNotFinite, $"{name} holds NaN or infinity");
        }
    }
}
