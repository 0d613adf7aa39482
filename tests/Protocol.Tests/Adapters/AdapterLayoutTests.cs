// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text;
using FedCloud.Protocol.Adapters;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Safetensors;
using Xunit;

namespace FedCloud.Protocol.Tests.Adapters;

public sealed class AdapterLayoutTests
{
    private static readonly AdapterLayout Layout = new([new LinearShape("model.layers.0.self_attn.q_proj", 16, 12), new LinearShape("model.layers.0.mlp.up_proj", 16, 40)], 4);

    [Theory]
    [InlineData(ExchangedFactor.A)]
    [InlineData(ExchangedFactor.B)]
    [InlineData(ExchangedFactor.Both)]
    public void UpdateHeader_OfRingUnits_DiffersInTheTypesAlone(ExchangedFactor exchanged)
    {
        string values = Encoding.Latin1.GetString(Layout.UpdateHeader(exchanged));
        byte[] units = Layout.UpdateHeader(exchanged, TensorType.I32);

        Assert.Equal(values.Replace("\"dtype\":\"F32\"", "\"dtype\":\"I32\"", StringComparison.Ordinal), Encoding.Latin1.GetString(units));
        Assert.DoesNotContain("F32", Encoding.Latin1.GetString(units), StringComparison.Ordinal);
        Assert.Equal(Layout.UpdateLength(exchanged), units.Length + (4 * Layout.UpdateCoordinates(exchanged)));
    }

    [Fact]
    public void UpdateHeader_OfRingUnits_IsReadAsTheUpdatesTensors()
    {
        byte[] header = Layout.UpdateHeader(ExchangedFactor.Both, TensorType.I32);

        SafetensorsHeader read = SafetensorsHeader.Read(new MemoryStream(header), Layout.UpdateLength(ExchangedFactor.Both), SafetensorsLimits.Foreign, "update");

        Assert.All(read.Tensors, tensor => Assert.Equal(TensorType.I32, tensor.Type));
        Assert.Equal(Layout.Tensors.Select(tensor => tensor.Tensor.Name), read.Tensors.Select(tensor => tensor.Name));
        Assert.Equal(Layout.Tensors.Select(tensor => string.Join(',', tensor.Tensor.Shape)), read.Tensors.Select(tensor => string.Join(',', tensor.Shape)));
    }

    [Fact]
    public void UpdateTensors_OfAnotherType_IsNoUpdate() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => Layout.UpdateTensors(ExchangedFactor.B, TensorType.BF16));
}
