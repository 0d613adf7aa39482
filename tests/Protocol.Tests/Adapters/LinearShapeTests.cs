// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Adapters;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Safetensors;
using Xunit;

namespace FedCloud.Protocol.Tests.Adapters;

public sealed class LinearShapeTests
{
    [Fact]
    public void Select_Llama_IsByLayerThenTargetWhateverTheOrderOfTheFile()
    {
        TensorEntry[] tensors =
        [
            Tensor("model.layers.10.mlp.up_proj.weight", 40, 16), Tensor("model.layers.2.mlp.up_proj.weight", 40, 16), Tensor("model.layers.2.self_attn.q_proj.weight", 12, 16),
            Tensor("model.layers.10.self_attn.q_proj.weight", 12, 16), Tensor("model.layers.2.self_attn.q_proj.bias", 12), Tensor("model.layers.2.self_attn.q_norm.weight", 4),
            Tensor("model.embed_tokens.weight", 300, 16),
        ];

        IEnumerable<LinearShape> found = LinearShape.Select(tensors, ["up_proj", "q_proj"], 4);

        Assert.Equal(
            [
                new LinearShape("model.layers.2.mlp.up_proj", 16, 40), new LinearShape("model.layers.2.self_attn.q_proj", 16, 12),
                new LinearShape("model.layers.10.mlp.up_proj", 16, 40), new LinearShape("model.layers.10.self_attn.q_proj", 16, 12),
            ],
            found);
    }

    [Theory]
    [InlineData("model.layers.0.mlp.up_proj.weight")]
    [InlineData("model.embed_tokens.weight")]
    public void Select_SideOfNoMatrix_IsNoModule(string name)
    {
        TensorEntry[] tensors = [TensorEntry.Of(name, TensorType.F32, 1L << 33, 16)];

        FedCloudException error = Assert.Throws<FedCloudException>(() => LinearShape.Select(tensors, ["up_proj"], 4));

        Assert.Equal("target_module_unmatched", error.Code.Name);
    }

    [Theory]
    [InlineData("")]
    [InlineData("transformer.")]
    public void Select_Gpt2_TakesWeightsAsInOutAndNamesThemWithThePrefix(string prefix)
    {
        TensorEntry[] tensors =
        [
            Tensor(prefix + "h.0.mlp.c_proj.weight", 64, 16), Tensor(prefix + "h.0.attn.c_attn.weight", 16, 48), Tensor(prefix + "h.0.attn.c_proj.weight", 16, 16),
            Tensor(prefix + "h.0.mlp.c_fc.weight", 16, 64), Tensor(prefix + "h.0.attn.bias", 1, 1, 8, 8), Tensor(prefix + "h.0.attn.c_attn.bias", 48),
            Tensor(prefix + "h.0.ln_1.weight", 16), Tensor(prefix + "wte.weight", 300, 16),
        ];

        IEnumerable<LinearShape> found = LinearShape.Select(tensors, ["c_attn", "c_fc", "c_proj"], 4);

        Assert.Equal(
            [
                new LinearShape("transformer.h.0.attn.c_attn", 16, 48), new LinearShape("transformer.h.0.mlp.c_fc", 16, 64),
                new LinearShape("transformer.h.0.attn.c_proj", 16, 16), new LinearShape("transformer.h.0.mlp.c_proj", 64, 16),
            ],
            found);
    }

    [Theory]
    [InlineData("h.0.attn.c_attn.weight", "q_proj")]
    [InlineData("model.layers.0.self_attn.c_attn.weight", "c_fc")]
    [InlineData("transformer.transformer.h.0.mlp.c_fc.weight", "c_fc")]
    [InlineData("h.0.mlp.c_fc.bias", "c_fc")]
    [InlineData("h.0.mlp.c_fc", "c_fc")]
    public void Select_NoSuchModule_IsRefusedByName(string tensor, string target)
    {
        FedCloudException error = Assert.Throws<FedCloudException>(() => LinearShape.Select([Tensor(tensor, 16, 48)], [target], 4));

        Assert.Equal("target_module_unmatched", error.Code.Name);
        Assert.Contains(target, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("q_proj", "v_proj", false)]
    [InlineData("c_attn", "c_proj", true)]
    public void PeftConfig_OfConv1D_SaysThatWeightsAreInOut(string first, string second, bool expected) =>
        Assert.Equal(expected, PeftConfig.Of("base", new AdapterLayout([], 4), [first, second]).FanInFanOut);

    private static TensorEntry Tensor(string name, params long[] shape) => TensorEntry.Of(name, TensorType.F32, shape);
}
