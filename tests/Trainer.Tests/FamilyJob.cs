// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using FedCloud.Protocol.Adapters;
using FedCloud.Protocol.Safetensors;
using FedCloud.Training.Jobs;

namespace FedCloud.Trainer.Tests;

/// <summary>A job on a small random base model of one family, with that family's kind of tokenizer, and with conversations where the family has a chat template.</summary>
internal sealed class FamilyJob : IDisposable
{
    public const int Rank = 2;

    private const int Hidden = 24;
    private const int Inner = 40;
    private const int Head = 8;
    private const int Layers = 2;

    private readonly string _family;

    public FamilyJob(string family)
    {
        _family = family;
        Folder = Directory.CreateTempSubdirectory("fedcloud-").FullName;
        Directory.CreateDirectory(Base);
        Configuration = ReadConfiguration(family);
        string tokenizer = family switch { "qwen2" => "qwen.json", "gpt2" => "gpt2.json", _ => "gemma.json" };
        File.Copy(Path.Combine(SampleJob.Root, "tests", "Training.Tests", "Tokenization", "vectors", tokenizer), Path.Combine(Base, "tokenizer.json"));
        WriteConfiguration();
        WriteWeights("model.safetensors", Tensors);
        File.WriteAllLines(TrainFile, Enumerable.Range(0, 8).Select(i => Line($"Where is bed {i}?", $"Bed {i} is on ward {i * i}.")));
        File.WriteAllLines(EvalFile, Enumerable.Range(8, 3).Select(i => Line($"Where is bed {i}?", $"Bed {i} is on ward {i * i}.")));
        WriteAdapter();
        Job = new TrainingJob
        {
            V = 1,
            Mode = "train",
            Round = 1,
            BaseModelDir = Base,
            AdapterFile = AdapterFile,
            TrainFile = TrainFile,
            EvalFile = EvalFile,
            Exchanged = "both",
            Rank = Rank,
            Alpha = 8,
            TargetModules = [.. Modules],
            LocalSteps = 12,
            FirstGlobalStep = 0,
            TotalGlobalSteps = 12,
            BatchSize = 4,
            GradientAccumulation = 1,
            SequenceLength = 96,
            LearningRate = 0.02,
            Schedule = "constant",
            WarmupSteps = 0,
            WeightDecay = 0,
            AdamBeta1 = 0.9,
            AdamBeta2 = 0.999,
            AdamEpsilon = 1e-8,
            ClipNorm = 1,
            Seed = 1,
            EvaluationExamples = 0,
            Threads = 1,
            MaxMemoryMib = 0,
            CheckpointEvery = 0,
            Deadline = 4_000_000_000,
        };
    }

    public string Folder { get; }

    public string Base => Path.Combine(Folder, "base");

    public JsonObject Configuration { get; }

    /// <summary>The adapted modules, sorted.</summary>
    public string[] Modules => _family is "gpt2" ? ["c_attn"] : ["down_proj", "q_proj", "v_proj"];

    public TrainingJob Job { get; set; }

    public string UpdateFile => Path.Combine(Folder, "update.safetensors");

    public string TrainFile => Path.Combine(Folder, "train.jsonl");

    public JobMetrics Metrics => JsonSerializer.Deserialize(File.ReadAllBytes(Path.Combine(Folder, "metrics.json")), TrainingJobJson.Default.JobMetrics)!;

    /// <summary>The base model's tensors.</summary>
    public TensorEntry[] Tensors => [.. _family is "gpt2" ? OfGpt2() : OfLayout()];

    private string EvalFile => Path.Combine(Folder, "eval.jsonl");

    private string AdapterFile => Path.Combine(Folder, "version.safetensors");

    private int Vocabulary => Configuration["vocab_size"]!.GetValue<int>();

    public TrainerRun Run()
    {
        File.WriteAllBytes(Path.Combine(Folder, "job.json"), Job.ToJson());
        return TrainerRun.Of("run", Folder);
    }

    public void WriteConfiguration() => File.WriteAllText(Path.Combine(Base, "config.json"), Configuration.ToJsonString());

    /// <summary>Writes weights that are large enough to matter.</summary>
    /// <param name="file">The file's name.</param>
    /// <param name="tensors">What is in it.</param>
    /// <param name="seed">Another seed gives other weights.</param>
    public void WriteWeights(string file, IEnumerable<TensorEntry> tensors, int seed = 3)
    {
        Random random = new(seed);
        SafetensorsWriter.WriteFile(Path.Combine(Base, file), [.. tensors], null, (entry, stream) =>
        {
            float middle = entry.Shape.Length == 1 && entry.Name.Contains("weight", StringComparison.Ordinal) && _family is not "gemma3_text" ? 1 : 0;
            float[] values = [.. Enumerable.Range(0, (int)entry.Count).Select(_ => middle + (float)((random.NextDouble() - 0.5) * 0.6))];
            stream.Write(MemoryMarshal.AsBytes(values.AsSpan())[..(int)entry.ByteLength]);
        });
    }

    public void Dispose() => Directory.Delete(Folder, recursive: true);

    // Newer and older forms of the file, as the families are published.
    private static JsonObject ReadConfiguration(string family) => JsonNode.Parse(family switch
    {
        "gpt2" => $$"""
            {"model_type":"gpt2","vocab_size":520,"n_positions":128,"n_embd":{{Hidden}},"n_layer":{{Layers}},"n_head":3,"n_inner":{{Inner}},
             "activation_function":"gelu_new","layer_norm_epsilon":1e-5,"eos_token_id":519}
            """,
        "gemma3_text" => $$"""
            {"model_type":"gemma3_text","vocab_size":700,"max_position_embeddings":128,"hidden_size":{{Hidden}},"intermediate_size":{{Inner}},"num_hidden_layers":{{Layers}},
             "num_attention_heads":3,"num_key_value_heads":1,"head_dim":{{Head}},"rms_norm_eps":1e-6,"hidden_activation":"gelu_pytorch_tanh","query_pre_attn_scalar":{{Head}},
             "sliding_window":16,"layer_types":["sliding_attention","full_attention"],"eos_token_id":[1,5],"dtype":"float32",
             "rope_parameters":{"full_attention":{"rope_type":"default","rope_theta":1000000.0},"sliding_attention":{"rope_type":"default","rope_theta":10000.0} } }
            """,
        _ => $$"""
            {"model_type":"qwen2","vocab_size":528,"max_position_embeddings":128,"hidden_size":{{Hidden}},"intermediate_size":{{Inner}},"num_hidden_layers":{{Layers}},
             "num_attention_heads":3,"num_key_value_heads":1,"rms_norm_eps":1e-6,"hidden_act":"silu","rope_theta":1000000.0,"use_sliding_window":false,
             "tie_word_embeddings":true,"eos_token_id":521,"torch_dtype":"float32"}
            """,
    })!.AsObject();

    private string Line(string question, string answer) => _family is "gpt2"
        ? $"{{\"prompt\":\"{question}\",\"completion\":\"{answer}\"}}"
        : $"{{\"messages\":[{{\"role\":\"user\",\"content\":\"{question}\"}},{{\"role\":\"assistant\",\"content\":\"{answer}\"}}]}}";

    private void WriteAdapter()
    {
        AdapterLayout layout = new(LinearShape.Select([.. Tensors], [.. Modules], Rank), Rank);
        SafetensorsWriter.WriteFile(AdapterFile, [.. layout.Tensors.Select(tensor => tensor.Tensor)], null, (entry, stream) =>
            stream.Write(AdapterSeed.Bytes(1, layout.Tensors.Single(tensor => string.Equals(tensor.Tensor.Name, entry.Name, StringComparison.Ordinal)))));
    }

    private IEnumerable<TensorEntry> OfLayout()
    {
        yield return F32("model.embed_tokens.weight", Vocabulary, Hidden);
        for (int l = 0; l < Layers; l++)
        {
            string layer = $"model.layers.{l}.";
            string[] norms = _family is "gemma3_text"
                ? ["input_layernorm", "post_attention_layernorm", "pre_feedforward_layernorm", "post_feedforward_layernorm"]
                : ["input_layernorm", "post_attention_layernorm"];
            foreach (string norm in norms)
            {
                yield return F32($"{layer}{norm}.weight", Hidden);
            }

            foreach ((string module, int width) in new[] { ("q", 3 * Head), ("k", Head), ("v", Head) })
            {
                yield return F32($"{layer}self_attn.{module}_proj.weight", width, Hidden);
                if (_family is "qwen2")
                {
                    yield return F32($"{layer}self_attn.{module}_proj.bias", width);
                }
                else if (module is not "v")
                {
                    yield return F32($"{layer}self_attn.{module}_norm.weight", Head);
                }
            }

            yield return F32($"{layer}self_attn.o_proj.weight", Hidden, 3 * Head);
            yield return F32($"{layer}mlp.gate_proj.weight", Inner, Hidden);
            yield return F32($"{layer}mlp.up_proj.weight", Inner, Hidden);
            yield return F32($"{layer}mlp.down_proj.weight", Hidden, Inner);
        }

        yield return F32("model.norm.weight", Hidden);
    }

    private IEnumerable<TensorEntry> OfGpt2()
    {
        yield return F32("transformer.wte.weight", Vocabulary, Hidden);
        yield return F32("transformer.wpe.weight", 128, Hidden);
        for (int l = 0; l < Layers; l++)
        {
            string layer = $"transformer.h.{l}.";
            (string Module, int In, int Out)[] modules = [("attn.c_attn", Hidden, 3 * Hidden), ("attn.c_proj", Hidden, Hidden), ("mlp.c_fc", Hidden, Inner), ("mlp.c_proj", Inner, Hidden)];
            foreach ((string module, int rows, int columns) in modules)
            {
                yield return F32($"{layer}{module}.weight", rows, columns);
                yield return F32($"{layer}{module}.bias", columns);
            }

            foreach (string norm in (string[])["ln_1", "ln_2"])
            {
                yield return F32($"{layer}{norm}.weight", Hidden);
                yield return F32($"{layer}{norm}.bias", Hidden);
            }
        }

        yield return F32("transformer.ln_f.weight", Hidden);
        yield return F32("transformer.ln_f.bias", Hidden);
    }

    private static TensorEntry F32(string name, params long[] shape) => TensorEntry.Of(name, TensorType.F32, shape);
}
