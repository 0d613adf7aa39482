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
    [InlineData("qwen2-tied", "head_dim", "546")]
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

        Assert.Equal(expected, Windows(config));
        Assert.True(!expected.Contains('1', StringComparison.Ordinal) || config.Window == 5);
    }

    [Theory]
    [InlineData("llama2")]
    [InlineData("llama31")]
    [InlineData("llama32")]
    [InlineData("mistral-window")]
    [InlineData("mistral-full")]
    [InlineData("qwen2-tied")]
    [InlineData("qwen2-untied")]
    [InlineData("qwen3-tied")]
    [InlineData("qwen3-untied")]
    [InlineData("gemma2")]
    [InlineData("gemma3")]
    [InlineData("gemma3-layers")]
    [InlineData("gpt2")]
    public void Read_NewerFormOfTheFile_MeansTheSame(string name)
    {
        ModelConfig old = Read(name);

        ModelConfig read = Read(InNewerForm(Json(name), old));
        ModelConfig both = Read(InNewerForm(Json(name), old, andOlder: true));

        Assert.All([read, both], config =>
        {
            Assert.Equal(old with { WindowedLayers = [] }, config with { WindowedLayers = [] });
            Assert.Equal(Windows(old), Windows(config));
        });
    }

    [Theory]
    [InlineData("mistral-full", "rope_parameters", "{\"rope_theta\":77.0}", "expected rope_theta and rope_parameters.rope_theta to agree")]
    [InlineData("llama31", "rope_parameters", "{\"rope_type\":\"default\"}", "expected rope_scaling and rope_parameters to agree")]
    [InlineData("llama31", "rope_parameters", "{\"full_attention\":{\"rope_type\":\"default\"}}", "found full_attention")]
    [InlineData("gemma3", "rope_parameters", "{\"sliding_attention\":{\"rope_theta\":77.0}}", "expected rope_local_base_freq and rope_parameters.sliding_attention.rope_theta to agree")]
    [InlineData("gemma3", "rope_parameters", "{\"full_attention\":{\"rope_theta\":77.0}}", "expected rope_theta and rope_parameters.full_attention.rope_theta to agree")]
    [InlineData("gemma3", "rope_parameters", "{\"rope_type\":\"default\",\"rope_theta\":1000.0}", "found rope_type")]
    [InlineData("gemma3", "rope_parameters", "{\"full_attention\":{\"rope_type\":\"linear\",\"factor\":8.0}}", "found linear")]
    [InlineData("gemma3", "rope_parameters", "{\"sliding_attention\":{\"rope_type\":\"proportional\"}}", "expected rope_parameters.sliding_attention.rope_type to be default or llama3, found proportional")]
    [InlineData("gemma3", "rope_parameters", "{\"sliding_attention\":1000}", "expected rope_parameters.sliding_attention to be an object")]
    [InlineData("mistral-full", "rope_scaling", "{\"rope_type\":\"default\",\"type\":\"yarn\"}", "its older name type to agree")]
    [InlineData("qwen2-tied", "rope_scaling", "{\"type\":\"dynamic\"}", "found dynamic")]
    [InlineData("qwen3-tied", "rope_scaling", "{\"rope_type\":\"longrope\",\"long_factor\":[1]}", "found longrope")]
    [InlineData("qwen3-untied", "rope_parameters", "{\"rope_type\":\"yarn\",\"rope_theta\":10000.0}", "found yarn")]
    [InlineData("gemma2", "rope_parameters", "{\"rope_type\":\"linear\"}", "found linear")]
    [InlineData("gemma2", "sliding_window_size", "4096", "expected sliding_window_size to be the sliding_window 5, found 4096")]
    [InlineData("gpt2", "rope_parameters", "{\"rope_type\":\"default\"}", "rope_parameters is not known")]
    public void Read_FormsThatDisagreeOrAreNotImplemented_AreRefusedInOneLine(string name, string field, string value, string expected)
    {
        FedCloudException error = Assert.Throws<FedCloudException>(() => Read(name, field, value));

        Assert.Equal("config_unsupported", error.Code.Name);
        Assert.Contains(expected, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Theory]
    [InlineData("gemma2", "sliding_window_size", "5")] // published so for 9B
    [InlineData("gpt2", "is_decoder", "false")]
    [InlineData("llama2", "dtype", "\"bfloat16\"")]
    public void Read_FieldThatSaysNothingNew_IsAccepted(string name, string field, string value) =>
        Assert.Equal(Read(name) with { WindowedLayers = [] }, Read(name, field, value) with { WindowedLayers = [] });

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

    private static string Windows(ModelConfig config) => string.Concat(Enumerable.Range(0, config.Layers).Select(layer => config.IsWindowed(layer) ? '1' : '0'));

    // As transformers 5 writes it: the settings of rotary positions together, one object for each type of layer in Gemma 3, and dtype.
    private static JsonObject InNewerForm(JsonObject json, ModelConfig old, bool andOlder = false)
    {
        string type = json["model_type"]!.GetValue<string>();
        JsonObject kind = json["rope_parameters"]?.DeepClone().AsObject() ?? json["rope_scaling"]?.DeepClone().AsObject() ?? new JsonObject { ["rope_type"] = "default" };
        kind["rope_theta"] = old.Rope?.Theta;
        json["dtype"] = json["torch_dtype"]?.DeepClone();
        if (type is not "gpt2")
        {
            json["rope_parameters"] = type is "gemma3_text"
                ? new JsonObject { ["full_attention"] = kind, ["sliding_attention"] = new JsonObject { ["rope_type"] = "default", ["rope_theta"] = old.WindowedRope!.Theta } }
                : kind;
        }

        if (type is "qwen2" or "qwen3" or "gemma2" or "gemma3_text")
        {
            json["layer_types"] = new JsonArray([.. Windows(old).Select(window => JsonValue.Create(window is '1' ? "sliding_attention" : "full_attention"))]);
        }

        foreach (string field in andOlder ? [] : (string[])["rope_theta", "rope_scaling", "rope_local_base_freq", "torch_dtype", "sliding_window_pattern"])
        {
            json.Remove(field);
        }

        return json;
    }

    private static JsonObject Json(string name) => JsonNode.Parse(File.ReadAllText(Path.Combine(PyTorchVectors.Families.Folder, "bases", name, "config.json")))!.AsObject();

    private static ModelConfig Read(string name) => ModelConfig.Read(Path.Combine(PyTorchVectors.Families.Folder, "bases", name, "config.json"));

    // A value of null takes the field away.
    private ModelConfig Read(string name, string field, string? value)
    {
        JsonObject json = Json(name);
        json.Remove(field);
        if (value is not null)
        {
            json[field] = JsonNode.Parse(value);
        }

        return Read(json);
    }

    private ModelConfig Read(JsonObject json)
    {
        string path = Path.Combine(_folder, "config.json");
        File.WriteAllText(path, json.ToJsonString());
        return ModelConfig.Read(path);
    }
}
