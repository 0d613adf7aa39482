// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Runtime.InteropServices;
using FedCloud.Protocol.Adapters;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Safetensors;
using FedCloud.Training.Jobs;

namespace FedCloud.Training.Tests.Jobs;

/// <summary>Jobs whose adapter has ranks of its own on some modules, another scaling, or magnitudes.</summary>
public sealed class JobFormTests : IDisposable
{
    private readonly JobFolder _folder = new();

    [Fact]
    public void ToJson_PlainAdapter_HasNoneOfTheMembers()
    {
        string json = System.Text.Encoding.UTF8.GetString(_folder.Job.ToJson());

        Assert.All(["scaling", "pattern", "dora"], name => Assert.DoesNotContain(name, json, StringComparison.Ordinal));
    }

    [Fact]
    public void Run_PatternsAndRslora_UpdatesEachModuleInItsRank()
    {
        _folder.Job = _folder.Job with
        {
            Scaling = "rslora",
            RankPattern = new Dictionary<string, int> { ["q_proj"] = 1, ["model.layers.1.self_attn.q_proj"] = 2 }.ToImmutableSortedDictionary(),
            AlphaPattern = new Dictionary<string, double> { ["down_proj"] = 3 }.ToImmutableSortedDictionary(),
        };
        WriteAdapter();

        _folder.Run();

        Dictionary<string, float[]> update = _folder.ReadUpdate();
        Dictionary<string, long> lengths = Layout().Tensors.ToDictionary(tensor => tensor.Tensor.Name, tensor => tensor.Tensor.Count, StringComparer.Ordinal);
        Assert.Equal(lengths, update.ToDictionary(one => one.Key, one => (long)one.Value.Length, StringComparer.Ordinal));
        Assert.Equal([1, 2], Layout().Modules.Where(module => module.Module.EndsWith("q_proj", StringComparison.Ordinal)).Select(module => Layout().RankOf(module.Module)));
        Assert.All(update.Values, values => Assert.Contains(values, value => value != 0));
    }

    [Fact]
    public void Run_Dora_UpdatesMagnitudesToo()
    {
        _folder.Run();
        double? plain = _folder.Metrics.EvalLossBefore;
        _folder.Job = _folder.Job with { Dora = true };
        WriteAdapter();

        _folder.Run();

        Dictionary<string, float[]> update = _folder.ReadUpdate();
        Assert.Equal(Layout().Modules.Length, update.Keys.Count(name => name.EndsWith(".lora_magnitude_vector", StringComparison.Ordinal)));
        Assert.All(update.Values, values => Assert.Contains(values, value => value != 0));
        Assert.Equal(plain!.Value, _folder.Metrics.EvalLossBefore!.Value, tolerance: 1e-5); // a zero adapter with the weights' own lengths
    }

    [Fact]
    public void Read_DoraInAPrivateJob_IsRefusedWithTheReason()
    {
        _folder.Job = _folder.Job with
        {
            Dora = true,
            GradientAccumulation = 1,
            Privacy = new JobPrivacy { Unit = "record", SamplingRate = 0.5, ExpectedBatch = 5, NoiseMultiplier = 1, ExampleClip = 1, Clipping = "flat", Noise = "exact" },
        };
        _folder.Write();

        FedCloudException error = Assert.Throws<FedCloudException>(() => TrainingJob.Read(_folder.Path));

        Assert.Equal("dora_not_private", error.Code.Name);
    }

    [Fact]
    public void Run_PatternThatNamesNoModule_IsRefused()
    {
        _folder.Job = _folder.Job with { RankPattern = new Dictionary<string, int> { ["qproj"] = 1 }.ToImmutableSortedDictionary() };

        FedCloudException error = Assert.Throws<FedCloudException>(() => _folder.Run());

        Assert.Equal("target_module_unmatched", error.Code.Name);
        Assert.Contains("rank_pattern: expected qproj", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Document_JobFormat_ListsTheMembers()
    {
        string text = File.ReadAllText(Path.Combine(Repository.Root, "docs", "job-format.md"));
        string section = text[text.IndexOf("## Form of the adapter", StringComparison.Ordinal)..text.IndexOf("## Private steps", StringComparison.Ordinal)];

        Assert.All(["scaling", "rank_pattern", "alpha_pattern", "dora"], name => Assert.Contains($"| `{name}` |", section, StringComparison.Ordinal));
    }

    public void Dispose() => _folder.Dispose();

    private AdapterLayout Layout()
    {
        using SafetensorsFile file = SafetensorsFile.Open(Path.Combine(_folder.Base.Folder, "model.safetensors"), SafetensorsLimits.BaseModel);
        return AdapterLayout.Of(file.Header.Tensors, _folder.Job.TargetModules, _folder.Job.Form());
    }

    // A from a generator, B zero, and for magnitudes the lengths of the weights' rows.
    private void WriteAdapter()
    {
        AdapterLayout layout = Layout();
        Random random = new(5);
        SafetensorsWriter.WriteFile(_folder.Base.AdapterFile, [.. layout.Tensors.Select(tensor => tensor.Tensor)], null, (entry, stream) =>
        {
            AdapterTensor tensor = layout.Tensors.Single(one => one.Tensor == entry);
            float[] values = new float[entry.Count];
            for (int i = 0; i < values.Length; i++)
            {
                values[i] = tensor.Factor switch
                {
                    Factor.A => (float)(random.NextDouble() - 0.5),
                    Factor.B => 0,
                    _ => Length(_folder.Base.Weights[tensor.Module.Module + ".weight"].AsSpan(i * tensor.Module.In, tensor.Module.In)),
                };
            }

            stream.Write(MemoryMarshal.AsBytes(values.AsSpan()));
        });
    }

    private static float Length(ReadOnlySpan<float> row)
    {
        double squares = 0;
        foreach (float value in row)
        {
            squares += (double)value * value;
        }

        return (float)Math.Sqrt(squares);
    }
}
