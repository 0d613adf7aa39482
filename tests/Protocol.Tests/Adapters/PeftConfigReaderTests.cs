// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text;
using System.Text.Json.Nodes;
using FedCloud.Protocol.Adapters;
using FedCloud.Protocol.Errors;
using Xunit;

namespace FedCloud.Protocol.Tests.Adapters;

public sealed class PeftConfigReaderTests
{
    private const string Module = "model.layers.1.self_attn.q_proj";

    // The fields that a version's save_pretrained writes for an adapter with all defaults but rank, alpha and modules.
    public static TheoryData<string, string> Versions => new()
    {
        { "0.5", """{"auto_mapping":null,"base_model_name_or_path":"org/model","bias":"none","fan_in_fan_out":false,"inference_mode":true,"init_lora_weights":true,"layers_pattern":null,"layers_to_transform":null,"lora_alpha":16,"lora_dropout":0.05,"modules_to_save":null,"peft_type":"LORA","r":4,"revision":null,"target_modules":["q_proj","v_proj"],"task_type":"CAUSAL_LM"}""" },
        { "0.9", """{"alpha_pattern":{},"auto_mapping":null,"base_model_name_or_path":"org/model","bias":"none","fan_in_fan_out":false,"inference_mode":true,"init_lora_weights":"gaussian","layers_pattern":null,"layers_to_transform":null,"loftq_config":{},"lora_alpha":16,"lora_dropout":0.0,"megatron_config":null,"megatron_core":"megatron.core","modules_to_save":null,"peft_type":"LORA","r":4,"rank_pattern":{},"revision":null,"target_modules":["v_proj","q_proj"],"task_type":"CAUSAL_LM","use_dora":false,"use_rslora":false}""" },
        { "0.15", """{"alpha_pattern":{},"auto_mapping":null,"base_model_name_or_path":"org/model","bias":"none","corda_config":null,"eva_config":null,"exclude_modules":null,"fan_in_fan_out":false,"inference_mode":true,"init_lora_weights":true,"layer_replication":null,"layers_pattern":null,"layers_to_transform":null,"loftq_config":{},"lora_alpha":16,"lora_bias":false,"lora_dropout":0.0,"megatron_config":null,"megatron_core":"megatron.core","modules_to_save":null,"peft_type":"LORA","r":4,"rank_pattern":{},"revision":null,"target_modules":["v_proj","q_proj"],"task_type":"CAUSAL_LM","trainable_token_indices":null,"use_dora":false,"use_rslora":false}""" },
        { "0.20", """{"alora_invocation_tokens":null,"alpha_pattern":{},"arrow_config":null,"auto_mapping":null,"base_model_name_or_path":"org/model","bias":"none","corda_config":null,"ensure_weight_tying":false,"eva_config":null,"exclude_modules":null,"fan_in_fan_out":false,"inference_mode":true,"init_lora_weights":true,"kasa_config":null,"layer_replication":null,"layers_pattern":null,"layers_to_transform":null,"loftq_config":{},"lora_alpha":16,"lora_bias":false,"lora_dropout":0.1,"lora_ga_config":null,"megatron_config":null,"megatron_core":"megatron.core","modules_to_save":null,"monteclora_config":null,"peft_type":"LORA","peft_version":"0.20.0","qalora_group_size":16,"r":4,"rank_pattern":{},"revision":null,"target_modules":["v_proj","q_proj"],"target_parameters":null,"task_type":"CAUSAL_LM","trainable_token_indices":null,"use_bdlora":null,"use_dora":false,"use_qalora":false,"use_rslora":false,"velora_config":null}""" },
    };

    [Theory]
    [MemberData(nameof(Versions))]
    public void Read_AsAVersionWritesIt_IsTheAdapter(string version, string json)
    {
        PeftConfig config = Read(json);

        Assert.True(config.TargetModules.Match(Module), version);
        Assert.False(config.TargetModules.Match("model.layers.1.self_attn.k_proj"), version);
        Assert.Equal((4, 4.0, false, "org/model"), (config.Form.RankOf(Module), config.Form.ScalingOf(Module), config.Form.IsDecomposed, config.BaseModelNameOrPath));
    }

    [Theory]
    [InlineData("peft_type", "\"ADALORA\"")]
    [InlineData("peft_type", "null")]
    [InlineData("task_type", "\"SEQ_CLS\"")]
    [InlineData("bias", "\"all\"")]
    [InlineData("bias", "\"lora_only\"")]
    [InlineData("init_lora_weights", "\"pissa_niter_4\"")]
    [InlineData("init_lora_weights", "\"olora\"")]
    [InlineData("init_lora_weights", "\"loftq\"")]
    [InlineData("init_lora_weights", "\"mica\"")]
    [InlineData("modules_to_save", "[\"lm_head\"]")]
    [InlineData("exclude_modules", "\"x\"")]
    [InlineData("layers_to_transform", "0")]
    [InlineData("layers_to_transform", "[0,1]")]
    [InlineData("layer_replication", "[[0,2]]")]
    [InlineData("lora_bias", "true")]
    [InlineData("trainable_token_indices", "[1]")]
    [InlineData("target_parameters", "[\"experts.w\"]")]
    [InlineData("megatron_config", "{\"a\":1}")]
    [InlineData("alora_invocation_tokens", "[3]")]
    [InlineData("use_qalora", "true")]
    [InlineData("use_bdlora", "{\"nblocks\":2}")]
    [InlineData("arrow_config", "{\"top_k\":2}")]
    [InlineData("kasa_config", "{\"beta\":1}")]
    [InlineData("monteclora_config", "{\"num_samples\":8}")]
    [InlineData("velora_config", "{\"scale\":1}")]
    [InlineData("some_new_field", "true")]
    [InlineData("some_new_field", "0")]
    [InlineData("r", "0")]
    [InlineData("r", "-1")]
    [InlineData("r", "4.5")]
    [InlineData("rank_pattern", "{\"q_proj\":0}")]
    [InlineData("rank_pattern", "[1]")]
    [InlineData("alpha_pattern", "{\"q_proj\":\"2\"}")]
    [InlineData("lora_alpha", "\"16\"")]
    [InlineData("target_modules", "[]")]
    [InlineData("target_modules", "null")]
    [InlineData("target_modules", "[1]")]
    [InlineData("use_dora", "1")]
    public void Read_WhatIsNotImplemented_IsRefusedByName(string field, string value)
    {
        FedCloudException error = Assert.Throws<FedCloudException>(() => Read(With(field, value)));

        Assert.Equal("adapter_unsupported", error.Code.Name);
        Assert.Contains(field, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', error.Message);
    }

    [Theory]
    [InlineData("init_lora_weights", "\"eva\"")]
    [InlineData("lora_dropout", "0.3")]
    [InlineData("layers_to_transform", "[]")]
    [InlineData("trainable_token_indices", "{}")]
    [InlineData("megatron_core", "\"other\"")]
    [InlineData("eva_config", "{\"rho\":2}")]
    [InlineData("runtime_config", "{\"ephemeral_gpu_offload\":true}")]
    [InlineData("auto_mapping", "{\"base_model_class\":\"LlamaForCausalLM\"}")]
    [InlineData("some_new_field", "null")]
    [InlineData("some_new_field", "false")]
    [InlineData("some_new_field", "[]")]
    [InlineData("some_new_field", "{}")]
    [InlineData("rank_pattern", "null")]
    public void Read_WhatMeansNothing_IsSkipped(string field, string value) => Assert.Equal(4, Read(With(field, value)).Form.RankOf(Module));

    [Theory]
    [InlineData("not json")]
    [InlineData("[]")]
    [InlineData("{\"r\":1,\"r\":1}")]
    public void Read_OtherText_IsRefused(string text) =>
        Assert.Equal("adapter_unsupported", Assert.Throws<FedCloudException>(() => Read(text)).Code.Name);

    // As PEFT's get_pattern_key: the first key, as an expression, that is the whole name or its end after a dot.
    [Theory]
    [InlineData("{\"q_proj\":2}", 2)]
    [InlineData("{\"proj\":2}", 4)]
    [InlineData("{\"self_attn.q_proj\":2}", 2)]
    [InlineData("{\"model.layers.1.self_attn.q_proj\":2}", 2)]
    [InlineData("{\"layers.1.self_attn\":2}", 4)]
    [InlineData("{\"layers.0.self_attn.q_proj\":3,\"q_proj\":2}", 2)]
    [InlineData("{\"q_proj\":2,\"layers.1.self_attn.q_proj\":3}", 2)]
    [InlineData("{\"layers.[12].self_attn.[qk]_proj\":2}", 2)]
    [InlineData("{\"(q|v)_proj\":2}", 2)]
    [InlineData("{\"^model.layers.1.self_attn.q_proj\":2}", 2)]
    public void RankOf_Pattern_IsThatOfTheFirstKeyThatMatches(string pattern, int expected)
    {
        PeftConfig config = Read(With("rank_pattern", pattern, ("use_rslora", "true"), ("alpha_pattern", "{\"q_proj\":6}")));

        Assert.Equal(expected, config.Form.RankOf(Module));
        Assert.Equal(6 / Math.Sqrt(expected), config.Form.ScalingOf(Module));
        Assert.Equal(16 / Math.Sqrt(4), config.Form.ScalingOf("model.layers.1.mlp.up_proj"));
    }

    [Theory]
    [InlineData("[\"q_proj\"]", true)]
    [InlineData("[\"self_attn.q_proj\"]", true)]
    [InlineData("[\"model.layers.1.self_attn.q_proj\"]", true)]
    [InlineData("[\"proj\", \"query\"]", false)]
    [InlineData("\"q_proj\"", false)]
    [InlineData("\".*q_proj\"", true)]
    [InlineData("\".*\\\\.(q|v)_proj\"", true)]
    [InlineData("\"^(?!.*visual).*layers\\\\.[0-9]+\\\\..*(?:q_proj|k_proj)$\"", true)]
    [InlineData("\"model\\\\.layers\\\\.0\\\\..*\"", false)]
    [InlineData("\"All-Linear\"", true)]
    public void Match_TargetModules_AsPeftDoes(string value, bool expected)
    {
        PeftConfig config = Read(With("target_modules", value));

        Assert.Equal(expected, config.TargetModules.Match(Module));
        Assert.False(config.TargetModules.MatchOutside("lm_head"));
    }

    [Theory]
    [InlineData("(")]
    [InlineData("a)(b")]
    [InlineData("(?P<x>a)")]
    [InlineData("((([a-z_.0-9]+)+)+)+!")]
    public void Match_ExpressionThatCannotBeUsed_IsRefused(string expression)
    {
        PeftConfig config = Read(With("target_modules", JsonValue.Create(expression).ToJsonString()));

        FedCloudException error = Assert.Throws<FedCloudException>(() => config.TargetModules.Match(Module));

        Assert.Equal("adapter_unsupported", error.Code.Name);
    }

    [Fact]
    public void Read_OfToJson_IsTheAdapterModuleByModule()
    {
        LinearShape[] modules = [.. Enumerable.Range(0, 3).SelectMany(layer => new[] { "q_proj", "v_proj" }.Select(name => new LinearShape($"model.layers.{layer}.self_attn.{name}", 8, 8)))];
        LoraForm form = new(4, 6)
        {
            IsRankStabilized = true,
            IsDecomposed = true,
            RankPattern = LoraForm.LongestFirst([KeyValuePair.Create("q_proj", 2), KeyValuePair.Create(Module, 3)]),
            AlphaPattern = LoraForm.LongestFirst([KeyValuePair.Create("v_proj", 1.5)]),
        };
        AdapterLayout layout = new([.. modules], form);

        PeftConfig read = PeftConfigReader.Read(PeftConfig.Of("base", layout, ["q_proj", "v_proj"]).ToJson());

        Assert.Equal(3, form.RankOf(Module));
        Assert.All(modules, module => Assert.Equal((form.RankOf(module.Module), form.ScalingOf(module.Module)), (read.Form.RankOf(module.Module), read.Form.ScalingOf(module.Module))));
        Assert.Equal((true, true, false), (read.Form.IsRankStabilized, read.Form.IsDecomposed, read.FanInFanOut));
        Assert.Equal(layout.Tensors.Select(tensor => tensor.Tensor.Name), new AdapterLayout([.. modules], read.Form).Tensors.Select(tensor => tensor.Tensor.Name));
    }

    [Fact]
    public void ToJson_PlainAdapter_HasOnlyFieldsThatEveryVersionKnows()
    {
        JsonObject json = JsonNode.Parse(PeftConfig.Of("base", new AdapterLayout([], new LoraForm(8, 16)), ["q_proj"]).ToJson())!.AsObject();

        Assert.Equal(
            ["base_model_name_or_path", "bias", "fan_in_fan_out", "inference_mode", "init_lora_weights", "lora_alpha", "lora_dropout", "peft_type", "r", "target_modules", "task_type"],
            json.Select(field => field.Key).Order(StringComparer.Ordinal));
    }

    private static PeftConfig Read(string json) => PeftConfigReader.Read(Encoding.UTF8.GetBytes(json));

    private static string With(string field, string value, params (string Field, string Value)[] more)
    {
        JsonObject json = JsonNode.Parse("""{"peft_type":"LORA","r":4,"lora_alpha":16,"target_modules":["q_proj"]}""")!.AsObject();
        foreach ((string name, string text) in more.Append((field, value)))
        {
            json[name] = JsonNode.Parse(text);
        }

        return json.ToJsonString();
    }
}
