// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text.Json.Nodes;
using FedCloud.Protocol.Errors;
using FedCloud.Training.Decoders;

namespace FedCloud.Training.Tests.Decoders;

/// <summary>What is read of each family's <c>config.json</c>, and what is refused.</summary>
public sealed class FamilyConfigTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("fedcloud-").FullName;

    [Theory]
    [InlineData("mistral-window", "hidden_act", "\"gelu\"")]
    [InlineData("mistral-window", "sliding_window", "0")]
    [InlineData("mistral-window", "sliding_window", "\"all\"")]
    [InlineData("mistral-window", "num_key_value_heads", "null")]
    [InlineData("mistral-window", "layer_types", "[\"full_attention\",\"full_attention\"]")]
    [InlineData("mistral-window", "architectures", "[\"MistralForSequenceClassification\"]")]
    [InlineData("mistral-window", "attention_bias", "true")]
    [InlineData("qwen2-tied", "use_mrope", "true")]
    [InlineData("qwen2-tied", "head_dim", "7")]
    [InlineData("qwen2-tied", "attention_bias", "true")]
    [InlineData("qwen2-tied", "layer_types", "[\"sliding_attention\",\"full_attention\"]")]
    [InlineData("qwen3-untied", "attention_bias", "true")]
    [InlineData("qwen3-untied", "head_dim", "null")]
    [InlineData("qwen3-untied", "layer_types", "[\"full_attention\"]")]
    [InlineData("qwen3-untied", "layer_types", "[\"full_attention\",\"chunked_attention\"]")]
    [InlineData("qwen3-untied", "rope_parameters", "{\"rope_type\":\"yarn\",\"rope_theta\":10000.0,\"factor\":4.0}")]
    [InlineData("gemma2", "hidden_activation", "\"gelu\"")]
    [InlineData("gemma2", "query_pre_attn_scalar", "null")]
    [InlineData("gemma2", "query_pre_attn_scalar", "0")]
    [InlineData("gemma2", "attn_logit_softcapping", "-1")]
    [InlineData("gemma2", "final_logit_softcapping", "\"30\"")]
    [InlineData("gemma2", "sliding_window", "null")]
    [InlineData("gemma2", "attention_bias", "true")]
    [InlineData("gemma2", "rope_local_base_freq", "10000")]
    [InlineData("gemma3", "attn_logit_softcapping", "50.0")]
    [InlineData("gemma3", "use_bidirectional_attention", "true")]
    [InlineData("gemma3", "rope_scaling", "{\"rope_type\":\"linear\",\"factor\":8.0}")]
    [InlineData("gemma3", "vision_config", "{}")]
    [InlineData("gpt2", "activation_function", "\"gelu\"")]
    [InlineData("gpt2", "scale_attn_weights", "false")]
    [InlineData("gpt2", "scale_attn_by_inverse_layer_idx", "true")]
    [InlineData("gpt2", "reorder_and_upcast_attn", "true")]
    [InlineData("gpt2", "add_cross_attention", "true")]
    [InlineData("gpt2", "n_head", "4")]
    [InlineData("gpt2", "n_inner", "0")]
    [InlineData("gpt2", "n_positions", "1")]
    [InlineData("gpt2", "num_key_value_heads", "1")]
    [InlineData("gpt2", "model_type", "\"gptj\"")]
    public void Read_FieldThatIsNotImplemented_IsRefusedByName(string name, string field, string value)
    {
        FedCloudException error = Assert.Throws<FedCloudException>(() => Read(name, field, value));

        Assert.Equal("config_unsupported", error.Code.Name);
        Assert.Contains(field, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("mistral-window", null, "11")]
    [InlineData("mistral-full", null, "00")]
    [InlineData("qwen2-untied", null, "00")] // use_sliding_window is false
    [InlineData("qwen3-untied", null, "00")]
    [InlineData("gemma2", null, "101")]
    [InlineData("gemma3", null, "1101")]
    [InlineData("gemma3", "1", "0000")]
    [InlineData("gemma3-layers", null, "101")]
    public void Read_Windows_AreThoseOfTheFamily(string name, string? pattern, string expected)
    {
        ModelConfig config = pattern is null ? Read(name) : Read(name, "sliding_window_pattern", pattern);

        Assert.Equal(expected, string.Concat(Enumerable.Range(0, config.Layers).Select(layer => config.IsWindowed(layer) ? '1' : '0')));
        Assert.True(!expected.Contains('1', StringComparison.Ordinal) || config.Window == 5);
    }

    [Fact]
    public void Read_QwenWithItsWindow_StartsAtTheLayerThatItNames()
    {
        ModelConfig config = Read("qwen2-tied", "use_sliding_window", "true");

        Assert.Equal((false, true, 5), (config.IsWindowed(0), config.IsWindowed(1), config.Window));
    }

    [Theory]
    [InlineData("llama2", false)]
    [InlineData("mistral-full", false)]
    [InlineData("gemma2", true)]
    [InlineData("gemma3", true)]
    [InlineData("gpt2", true)]
    public void Read_NothingAboutTheHead_IsAsTheFamilyHasIt(string name, bool tied) => Assert.Equal(tied, Read(name, "tie_word_embeddings", "null").TiedHead);

    [Fact]
    public void Read_GemmasCaps_AreThePublishedOnesWhenAbsentAndOffWhenNull()
    {
        Assert.Equal((50, 30), (Read("gemma2", "attn_logit_softcapping", value: null).AttentionCap, Read("gemma2", "final_logit_softcapping", value: null).LogitCap));
        Assert.Equal((null, null), (Read("gemma2", "attn_logit_softcapping", "null").AttentionCap, Read("gemma2", "final_logit_softcapping", "null").LogitCap));
        Assert.Equal((null, null), (Read("gemma3").AttentionCap, Read("gemma3").LogitCap));
    }

    [Fact]
    public void Read_Gemma3_HasOtherPositionsInWindowedLayers()
    {
        ModelConfig config = Read("gemma3");

        Assert.Equal((10.0, 1000.0), (config.RopeOf(0)?.Theta, config.RopeOf(2)?.Theta));
    }

    [Theory]
    [InlineData("null", 60)]
    [InlineData("25", 25)]
    public void Read_Gpt2sInnerWidth_IsFourTimesItsWidthWhereItNamesNone(string value, int expected) => Assert.Equal(expected, Read("gpt2", "n_inner", value).Intermediate);

    [Fact]
    public void Load_MoreTokensThanLearnedPositions_IsRefused()
    {
        using FamilyBase family = new("gpt2", ("n_positions", 20));

        FedCloudException error = Assert.Throws<FedCloudException>(() => family.Load(21, 21));

        Assert.Equal("config_unsupported", error.Code.Name);
        Assert.Contains("at most 20 tokens", error.Message, StringComparison.Ordinal);
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private ModelConfig Read(string name) => ModelConfig.Read(Path.Combine(PyTorchVectors.Families.Folder, "bases", name, "config.json"));

    // A value of null takes the field away.
    private ModelConfig Read(string name, string field, string? value)
    {
        JsonObject json = JsonNode.Parse(File.ReadAllText(Path.Combine(PyTorchVectors.Families.Folder, "bases", name, "config.json")))!.AsObject();
        json.Remove(field);
        if (value is not null)
        {
            json[field] = JsonNode.Parse(value);
        }

        string path = Path.Combine(_folder, "config.json");
        File.WriteAllText(path, json.ToJsonString());
        return ModelConfig.Read(path);
    }
}
