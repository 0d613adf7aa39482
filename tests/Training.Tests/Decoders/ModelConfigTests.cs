// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text.Json.Nodes;
using FedCloud.Protocol.Errors;
using FedCloud.Training.Decoders;

namespace FedCloud.Training.Tests.Decoders;

public sealed class ModelConfigTests : IDisposable
{
    private readonly TinyBase _tiny = new();

    private string ConfigFile => Path.Combine(_tiny.Folder, "config.json");

    [Theory]
    [InlineData("model_type", "\"mixtral\"")]
    [InlineData("architectures", "[\"MistralForCausalLM\"]")]
    [InlineData("hidden_act", "\"gelu\"")]
    [InlineData("attention_bias", "true")]
    [InlineData("mlp_bias", "true")]
    [InlineData("rope_scaling", "{\"rope_type\":\"llama3\",\"factor\":8.0}")]
    [InlineData("rope_scaling", "{\"rope_type\":\"linear\",\"factor\":8.0}")]
    [InlineData("rope_scaling", "{\"rope_type\":\"llama3\",\"factor\":8.0,\"low_freq_factor\":4.0,\"high_freq_factor\":1.0,\"original_max_position_embeddings\":8192}")]
    [InlineData("rope_scaling", "{\"rope_type\":\"default\",\"factor\":8.0}")]
    [InlineData("rope_parameters", "{\"rope_type\":\"yarn\",\"rope_theta\":10000.0}")]
    [InlineData("rope_parameters", "{\"rope_type\":\"default\",\"rope_theta\":10000.0,\"attention_factor\":2}")]
    [InlineData("pretraining_tp", "2")]
    [InlineData("sliding_window", "4096")]
    [InlineData("quantization_config", "{\"bits\":4}")]
    [InlineData("partial_rotary_factor", "0.5")]
    public void Read_FieldThatChangesTheMathematics_IsRefusedByName(string field, string value)
    {
        Change(field, value);

        FedCloudException error = Assert.Throws<FedCloudException>(() => ModelConfig.Read(ConfigFile));

        Assert.Equal("config_unsupported", error.Code.Name);
        Assert.Contains(field, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("rope_scaling", "null")]
    [InlineData("sliding_window", "null")]
    [InlineData("architectures", "[ \"LlamaForCausalLM\" ]")]
    [InlineData("transformers_version", "\"4.57.0\"")]
    [InlineData("attention_dropout", "0.0")]
    public void Read_FieldThatChangesNothing_IsAccepted(string field, string value)
    {
        Change(field, value);

        ModelConfig config = ModelConfig.Read(ConfigFile);

        Assert.Equal(_tiny.Config, config);
    }

    [Theory]
    [InlineData("num_key_value_heads", "3")]
    [InlineData("head_dim", "5")]
    [InlineData("hidden_size", "0")]
    [InlineData("vocab_size", "-1")]
    [InlineData("vocab_size", "\"many\"")]
    [InlineData("eos_token_id", "300")]
    [InlineData("rms_norm_eps", "0")]
    [InlineData("rms_norm_eps", "\"small\"")]
    [InlineData("num_hidden_layers", "1.5")]
    [InlineData("num_attention_heads", "1048576")]
    [InlineData("max_position_embeddings", "1")]
    [InlineData("tie_word_embeddings", "\"yes\"")]
    [InlineData("rope_theta", "\"large\"")]
    [InlineData("rope_theta", "0.5")]
    [InlineData("rope_scaling", "7")]
    [InlineData("eos_token_id", "[]")]
    [InlineData("intermediate_size", "null")]
    public void Read_ImpossibleValue_IsRefusedByName(string field, string value)
    {
        Change(field, value);

        FedCloudException error = Assert.Throws<FedCloudException>(() => ModelConfig.Read(ConfigFile));

        Assert.Equal("config_unsupported", error.Code.Name);
        Assert.Contains(field, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_FieldTwice_IsRefused()
    {
        string text = File.ReadAllText(ConfigFile);
        File.WriteAllText(ConfigFile, text.TrimEnd().TrimEnd('}') + ", \"vocab_size\": 300}");

        FedCloudException error = Assert.Throws<FedCloudException>(() => ModelConfig.Read(ConfigFile));

        Assert.Contains("names a field twice", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("128001", 128_001)]
    [InlineData("[9, 10]", 9)]
    [InlineData("null", null)]
    public void Read_EndOfText_IsTheFirstOfItsTokens(string value, int? expected)
    {
        Change("vocab_size", "128256");
        Change("eos_token_id", value);

        Assert.Equal(expected, ModelConfig.Read(ConfigFile).EndOfText);
    }

    [Fact]
    public void Read_RopeParameters_GiveTheBase()
    {
        Change("rope_theta", "null");
        Change("rope_parameters", "{\"rope_type\":\"default\",\"rope_theta\":500000.0}");

        Assert.Equal(new RotaryPositions(500_000), ModelConfig.Read(ConfigFile).Rope);
    }

    [Theory]
    [InlineData("rope_scaling", "\"rope_type\":\"llama3\"")]
    [InlineData("rope_scaling", "\"type\":\"llama3\"")]
    [InlineData("rope_parameters", "\"rope_theta\":10000.0,\"rope_type\":\"llama3\"")]
    public void Read_Llama3Stretch_IsTaken(string field, string kind)
    {
        Change(field, "{" + kind + ",\"factor\":8.0,\"low_freq_factor\":1.0,\"high_freq_factor\":4.0,\"original_max_position_embeddings\":8192}");

        Assert.Equal(new RotaryPositions(10_000, new RotaryStretch(8, 1, 4, 8192)), ModelConfig.Read(ConfigFile).Rope);
    }

    [Fact]
    public void Angles_Llama31_KeepTheFastStretchTheSlowAndBlendBetween()
    {
        double[] plain = new RotaryPositions(500_000).Angles(128);
        double[] stretched = new RotaryPositions(500_000, new RotaryStretch(8, 1, 4, 8192)).Angles(128);

        Assert.Equal(plain[..29], stretched[..29]);
        Assert.Equal(plain[35..].Select(angle => angle / 8), stretched[35..]);
        Assert.All(Enumerable.Range(29, 6), i => Assert.InRange(stretched[i], plain[i] / 8, plain[i]));
    }

    [Fact]
    public void Read_NoFile_SaysThatTheBaseModelIsMissing()
    {
        FedCloudException error = Assert.Throws<FedCloudException>(() => ModelConfig.Read(ConfigFile + ".other"));

        Assert.Equal("base_model_missing", error.Code.Name);
    }

    [Theory]
    [InlineData("{")]
    [InlineData("[]")]
    [InlineData("{}")]
    public void Read_NoConfiguration_IsRefused(string text)
    {
        File.WriteAllText(ConfigFile, text);

        FedCloudException error = Assert.Throws<FedCloudException>(() => ModelConfig.Read(ConfigFile));

        Assert.Equal("config_unsupported", error.Code.Name);
    }

    public void Dispose() => _tiny.Dispose();

    private void Change(string field, string value)
    {
        JsonObject json = JsonNode.Parse(File.ReadAllText(ConfigFile))!.AsObject();
        json[field] = JsonNode.Parse(value);
        File.WriteAllText(ConfigFile, json.ToJsonString());
    }
}
