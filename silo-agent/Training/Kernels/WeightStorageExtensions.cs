// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Training.Kernels;

/// <summary>The names of storages, as jobs and commands have them.</summary>
public static class WeightStorageExtensions
{
    /// <summary>The storage of a name: <c>f32</c>, <c>bf16</c> or <c>int8</c>; null for any other.</summary>
    public static WeightStorage? FromWire(string name) => name switch
    {
        "f32" => WeightStorage.F32,
        "bf16" => WeightStorage.BF16,
        "int8" => WeightStorage.Int8,
        _ => null,
    };

    /// <summary>A storage's name.</summary>
    public static string ToWire(this WeightStorage storage) => storage switch
    {
        WeightStorage.BF16 => "bf16",
        WeightStorage.Int8 => "int8",
        _ => "f32",
    };

    /// <summary>The bytes of an element, without scales.</summary>
    public static int Bytes(this WeightStorage storage) => storage switch
    {
        WeightStorage.BF16 => 2,
        WeightStorage.Int8 => 1,
        _ => 4,
    };
}
