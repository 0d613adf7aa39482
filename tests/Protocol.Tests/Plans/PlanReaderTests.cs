// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;
using System.Text;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Plans;
using Xunit;

namespace FedCloud.Protocol.Tests.Plans;

public sealed class PlanReaderTests
{
    private static readonly Dictionary<string, string> FilledIn = new(StringComparer.Ordinal)
    {
        ["job"] = "run-1",
        ["federation"] = "test-federation",
        ["base_model"] = Sha256Digest.Zero.Hex,
    };

    [Fact]
    public void Read_EmptyPlan_GivesAllDefaults()
    {
        RunConfig config = Config();

        Assert.Equal(5, config.Rounds);
        Assert.Equal(Algorithm.FfaLora, config.Algorithm);
        Assert.Equal(0.001m, config.Training.LearningRate);
        Assert.Null(config.Aggregation.AggregateNormMax);
    }

    [Fact]
    public void RunConfig_Jcs_RoundTripsWithTheSameDigest()
    {
        RunConfig config = Config("rounds: 7", "training.learning_rate: 2e-4", "aggregation.aggregate_norm_max: 3.5", "lora.target_modules: v_proj,q_proj");

        RunConfig read = RunConfig.Parse(config.ToJcs());

        Assert.Equal(config.Digest, read.Digest);
        Assert.Equal(0.0002m, read.Training.LearningRate);
        Assert.Equal("q_proj v_proj", string.Join(" ", read.Lora.TargetModules));
    }

    // A plan without the field has the bytes, and so the digest, that it had before there was one.
    [Fact]
    public void Read_CpuFallback_IsInTheBytesOnlyWhereItStands()
    {
        RunConfig absent = Config();
        RunConfig allowed = Config("training.cpu_fallback: true");

        Assert.Null(absent.Training.CpuFallback);
        Assert.DoesNotContain("cpu_fallback", System.Text.Encoding.UTF8.GetString(absent.ToJcs()), StringComparison.Ordinal);
        Assert.True(allowed.Training.CpuFallback);
        Assert.True(RunConfig.Parse(allowed.ToJcs()).Training.CpuFallback);
    }

    [Theory]
    [InlineData("rounds: 0", "plan_invalid_value")]
    [InlineData("rounds: many", "plan_invalid_value")]
    [InlineData("rownds: 3", "plan_unknown_field")]
    [InlineData("training.lokal_steps: 3", "plan_unknown_field")]
    [InlineData("training.learning_rate: NaN", "plan_invalid_value")]
    [InlineData("training.learning_rate: -1", "plan_invalid_value")]
    [InlineData("lora.rank: 0", "plan_invalid_value")]
    [InlineData("lora.scaling: sqrt", "plan_invalid_value")]
    [InlineData("lora.rank_pattern: 4", "plan_invalid_value")]
    [InlineData("lora.rank_pattern.q_proj: 0", "plan_invalid_value")]
    [InlineData("lora.rank_pattern.q_proj: 2.5", "plan_invalid_value")]
    [InlineData("lora.rank_pattern.q*: 2", "plan_invalid_value")]
    [InlineData("lora.rank_pattern.qproj: 2", "target_module_unmatched")]
    [InlineData("lora.alpha_pattern.q_proj: 0", "plan_invalid_value")]
    [InlineData("lora.alpha_pattern.c_attn: 2", "target_module_unmatched")]
    [InlineData("algorithm: fedavg", "inexact_lora")]
    [InlineData("algorithm: fedprox", "algorithm_unavailable")]
    [InlineData("aggregation.mode: open", "plan_invalid_value")]
    [InlineData("participation.quorum: 1", "plan_invalid_value")]
    [InlineData("participation.quorum: 5", "plan_invalid_value")]
    [InlineData("privacy: full", "plan_invalid_value")]
    public void Read_WrongField_IsRefusedWithItsLine(string field, string code)
    {
        PlanReading reading = PlanReader.Read(Plan(field), FilledIn);

        Assert.Null(reading.Config);
        Assert.Equal(code, reading.Problems[0].Code.Name);
        Assert.Equal(1, reading.Problems[0].Line);
    }

    [Theory]
    [InlineData("algorithm: krum", "algorithm_unavailable")]
    [InlineData("participation.cohort_size: 1", "plan_invalid_value")]
    public void Read_WrongFieldInPlainMode_IsRefused(string field, string code)
    {
        Assert.Equal([code], Problems(field, "aggregation.mode: plain").Select(problem => problem.Code.Name));
    }

    [Fact]
    public void Read_FieldTwice_IsRefused()
    {
        PlanReading reading = PlanReader.Read(Plan("rounds: 3", "rounds: 4"), FilledIn);

        Assert.Contains("twice", reading.Problems[0].Found, StringComparison.Ordinal);
        Assert.Equal(2, reading.Problems[0].Line);
    }

    [Fact]
    public void Read_UnknownField_NamesTheNearest()
    {
        PlanReading reading = PlanReader.Read(Plan("training.lokal_steps: 3"), FilledIn);

        Assert.Contains("training.local_steps", reading.Problems[0].Found, StringComparison.Ordinal);
    }

    [Fact]
    public void Parse_ValueOutOfBounds_IsRefused()
    {
        RunConfig config = Config() with { Rounds = 20_000 };

        FedCloudException error = Assert.Throws<FedCloudException>(() => RunConfig.Parse(config.ToJcs()));

        Assert.Equal(ErrorCodes.PlanInvalidValue, error.Code);
    }

    [Fact]
    public void RunConfig_WithoutPatternsAndScaling_HasTheBytesOfBefore()
    {
        string json = Encoding.UTF8.GetString(Config().ToJcs());

        Assert.Contains("""
            "lora":{"alpha":"16","init":"seed","init_seed":1,"rank":8,"target_modules":["down_proj","gate_proj","k_proj","o_proj","q_proj","up_proj","v_proj"]}
            """.Trim(), json, StringComparison.Ordinal);
    }

    [Fact]
    public void RunConfig_PatternsAndScaling_RoundTripAndSayWhatEachModuleHas()
    {
        RunConfig config = Config("lora.scaling: rslora", "lora.rank_pattern.q_proj: 4", "lora.rank_pattern.down_proj: 16", "lora.alpha_pattern.v_proj: 2.50");

        RunConfig read = RunConfig.Parse(config.ToJcs());

        Assert.Equal(config.Digest, read.Digest);
        Assert.Contains("""
            "lora":{"alpha":"16","alpha_pattern":{"v_proj":"2.5"},"init":"seed","init_seed":1,"rank":8,"rank_pattern":{"down_proj":16,"q_proj":4},"scaling":"rslora",
            """.Trim(), Encoding.UTF8.GetString(config.ToJcs()), StringComparison.Ordinal);
        Assert.Equal((4, 8.0), (read.Lora.Form().RankOf("model.layers.0.self_attn.q_proj"), read.Lora.Form().ScalingOf("model.layers.0.self_attn.q_proj")));
        Assert.Equal((8, 2.5 / Math.Sqrt(8)), (read.Lora.Form().RankOf("model.layers.0.self_attn.v_proj"), read.Lora.Form().ScalingOf("model.layers.0.self_attn.v_proj")));
    }

    [Theory]
    [InlineData("\"rank_pattern\":{}")]
    [InlineData("\"rank_pattern\":{\"q_proj\":\"4\"}")]
    [InlineData("\"rank_pattern\":{\"q_proj\":0}")]
    [InlineData("\"alpha_pattern\":{\"q_proj\":2}")]
    [InlineData("\"alpha_pattern\":{\"q_proj\":\"2.0\"}")]
    [InlineData("\"alpha_pattern\":{\"q_proj\":null}")]
    public void Parse_PatternOfAnotherForm_IsRefused(string member)
    {
        string json = Encoding.UTF8.GetString(Config().ToJcs()).Replace("\"alpha\":\"16\",", "\"alpha\":\"16\"," + (member.StartsWith("\"alpha", StringComparison.Ordinal) ? member + "," : string.Empty), StringComparison.Ordinal);
        json = member.StartsWith("\"rank", StringComparison.Ordinal) ? json.Replace("\"rank\":8,", "\"rank\":8," + member + ",", StringComparison.Ordinal) : json;

        FedCloudException error = Assert.Throws<FedCloudException>(() => RunConfig.Parse(Encoding.UTF8.GetBytes(json)));

        Assert.Contains(error.Code.Name, (string[])["plan_invalid_value", "body_malformed"]);
    }

    [Fact]
    public void FactorsOf_Rolora_AlternatesFromB()
    {
        RunConfig config = Config("algorithm: rolora");

        Assert.Equal([ExchangedFactor.B, ExchangedFactor.A, ExchangedFactor.B], Enumerable.Range(0, 3).Select(config.FactorsOf));
    }

    [Fact]
    public void Matrix_EveryRefusedAlgorithm_HasReasonsInBothModes()
    {
        Assert.All(CompatibilityMatrix.RefusedAlgorithms.Keys, name =>
        {
            Assert.Contains(name, CompatibilityMatrix.RefusalOf("algorithm", name, secure: true).Reason, StringComparison.Ordinal);
            Assert.Contains(name, CompatibilityMatrix.RefusalOf("algorithm", name, secure: false).Reason, StringComparison.Ordinal);
        });
    }

    /// <summary>A configuration from lines "path: value".</summary>
    internal static RunConfig Config(params string[] lines) => PlanReader.Require(PlanReader.Read(Plan(lines), FilledIn));

    /// <summary>What is wrong with a plan of lines "path: value".</summary>
    internal static IReadOnlyList<PlanProblem> Problems(params string[] lines) => PlanReader.Read(Plan(lines), FilledIn).Problems;

    /// <summary>What is wrong with a plan of lines "path: value" for a number of silos.</summary>
    internal static IReadOnlyList<PlanProblem> ProblemsFor(int silos, params string[] lines) => PlanReader.Read(Plan(lines), FilledIn, silos).Problems;

    private static PlanMapping Plan(params string[] lines)
    {
        PlanMapping root = new(1, []);
        for (int i = 0; i < lines.Length; i++)
        {
            string[] parts = lines[i].Split(": ", 2);
            root = With(root, parts[0].Split('.'), new PlanScalar(i + 1, parts[1], Quoted: false), i + 1);
        }

        return root;
    }

    private static PlanMapping With(PlanMapping mapping, string[] path, PlanNode value, int line)
    {
        if (path.Length == 1)
        {
            return mapping with { Entries = mapping.Entries.Add(new PlanEntry(line, path[0], value)) };
        }

        PlanEntry? existing = mapping.Entries.FirstOrDefault(entry => string.Equals(entry.Name, path[0], StringComparison.Ordinal));
        PlanMapping inner = With((PlanMapping?)existing?.Value ?? new PlanMapping(line, []), path[1..], value, line);
        PlanEntry entry = new(existing?.Line ?? line, path[0], inner);
        return mapping with { Entries = existing is null ? mapping.Entries.Add(entry) : mapping.Entries.Replace(existing, entry) };
    }
}
