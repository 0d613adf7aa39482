// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;
using System.Text.Json;
using Xunit;

namespace FedCloud.Cli.Tests;

/// <summary>The privacy commands as a person types them, against the frozen vectors of tests/vectors/privacy.</summary>
public sealed class PrivacyTranscriptTests
{
    private const double HalfRounding = 0.6065306597126334; // beta = e^(-1/2), the one of the product

    [Fact]
    public async Task Account_DpSgd_SaysInWordsWhatEachFigureIs()
    {
        (int exit, string output, string errors) = await RunAsync("account --mechanism dp-sgd --noise 1.5 --sampling-rate 0.04 --steps 2250 --delta 1e-5");

        string[] expected =
        [
            "dp-sgd: noise 1.5, sampling rate 0.04, 2250 steps, delta 1e-05",
            "  epsilon (PLD, upper bound)     6.7688",
            "  lower bound (PLD)              6.7687",
            "  epsilon (RDP, order 3.9)       7.3292",
            "  limit the silo's ledger needs  8.2541",
            "Add or remove one record; holds for at most 2250 steps; accountant fedcloud-1.",
        ];
        Assert.Equal((0, string.Join('\n', expected) + "\n", string.Empty), (exit, output, errors));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Account_DpSgdVector_IsMet(int index)
    {
        JsonElement vector = Vectors("dp_sgd_generated.json").GetProperty("vectors")[index];
        double expected = Number(vector, "pld_pessimistic_connect_dots_1e-4");

        JsonElement found = await FiguresAsync(Line($"account --mechanism dp-sgd --noise {Number(vector, "noise_multiplier"):R} --sampling-rate {Number(vector, "sampling_prob"):R} --steps {vector.GetProperty("steps")} --delta {Number(vector, "delta"):R}"));

        double epsilon = Number(found, "epsilon");
        Close(expected, epsilon, 2e-3 * Math.Max(1, expected));
        Assert.InRange(Number(found, "epsilonLower"), epsilon - 0.01, epsilon);
        Assert.InRange(Number(found, "epsilonRdp"), Number(vector, "rdp_opacus") - 1e-6, Number(vector, "rdp_dp_accounting") + 5e-4);
        Assert.Equal(Number(vector, "rdp_opacus_order"), Number(found, "rdpOrder"));
        Assert.True(Number(found, "epsilonLedger") > Number(found, "epsilonRdp"));
    }

    [Fact]
    public async Task Account_GaussianVectors_AreMet()
    {
        foreach (JsonElement vector in Vectors("dp_distributed_and_exact.json").GetProperty("gaussian_exact_epsilon").EnumerateArray())
        {
            (double noise, long steps, double delta) = (Number(vector, "noise_multiplier"), vector.GetProperty("steps").GetInt64(), Number(vector, "delta"));

            JsonElement found = await FiguresAsync(Line($"account --mechanism gaussian --noise {noise:R} --steps {steps} --delta {delta:R}"));

            Close(Number(vector, "epsilon"), Number(found, "epsilon"), 1e-9 * Number(vector, "epsilon"));
            Assert.True(Number(found, "epsilonRdp") >= Number(found, "epsilon"));
            Close(LedgerLimit(noise, steps, delta), Number(found, "epsilonLedger"), 1e-9);
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(4)]
    [InlineData(5)]
    public async Task Account_DiscreteGaussianVector_IsMet(int index)
    {
        JsonElement vector = Vectors("dp_distributed_and_exact.json").GetProperty("ddgauss")[index];
        (double gamma, int shares) = (Number(vector, "gamma"), vector.GetProperty("num_clients").GetInt32());
        double noise = Number(vector, "local_stddev") * Math.Sqrt(shares) / Number(vector, "rounded_l2"); // both in clip norms

        JsonElement found = await DistributedAsync("discrete-gaussian", vector, noise, 1 / gamma, $"--shares {shares}");

        Close(Number(vector, "rounded_l2") / gamma, Number(found, "roundedL2"), 1e-6);
        Close(Number(vector, "local_stddev") / gamma, Number(found, "shareStddev"), 1e-6);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    public async Task Account_SkellamVector_IsMet(int index)
    {
        JsonElement[] vectors = [.. Vectors("dp_distributed_and_exact.json").GetProperty("skellam").EnumerateArray().Where(v => Number(v, "beta") > 0)];
        JsonElement vector = vectors[index];
        double scale = Number(vector, "scale");
        double l2 = scale * Number(vector, "l2_clip");
        double coordinates = Number(vector, "dim");
        double rounded = Math.Sqrt((l2 * l2) + (coordinates / 4) + (l2 + (Math.Sqrt(coordinates) / 2))); // sqrt(-2 ln beta) = 1
        double noise = Number(vector, "central_stddev") * scale / rounded;

        JsonElement found = await DistributedAsync("skellam", vector, noise, scale, "--shares 5");

        Close(rounded, Number(found, "roundedL2"), 1e-6);
        Close(noise * rounded / Math.Sqrt(5), Number(found, "shareStddev"), 1e-6);
    }

    [Fact]
    public async Task Account_Laplace_MeetsTheUpstreamVector()
    {
        JsonElement vector = Upstream("DPA-PLD-8");

        JsonElement found = await FiguresAsync("account --mechanism laplace --noise 0.5 --sampling-rate 0.2 --steps 3 --delta 1e-14");

        Close(Number(vector, "value"), Number(found, "epsilon"), Number(vector, "tol"));
        Assert.InRange(Number(found, "epsilonLower"), Number(vector, "value") - 0.01, Number(found, "epsilon"));
        Assert.Equal((JsonValueKind.Null, JsonValueKind.Null), (found.GetProperty("epsilonRdp").ValueKind, found.GetProperty("epsilonLedger").ValueKind));
    }

    [Theory]
    [InlineData("gaussian-mixture --components 0:0.96,1:0.04")] // Poisson sampling is this mixture
    [InlineData("truncated-sampling --sampling-rate 0.04 --records 100 --largest-batch 100")] // no batch is cut
    public async Task Account_ReferenceThatIsDpSgd_MeetsItsVector(string mechanism)
    {
        JsonElement found = await FiguresAsync($"account --mechanism {mechanism} --noise 1.5 --steps 2250 --delta 1e-5");

        Close(Number(Vectors("dp_sgd_generated.json").GetProperty("vectors")[0], "pld_pessimistic_connect_dots_1e-4"), Number(found, "epsilon"), 2e-3);
        Assert.InRange(Number(found, "epsilonLower"), 6.76, Number(found, "epsilon"));
    }

    [Fact]
    public async Task Account_TruncatedSampling_LiesAroundTheUpstreamVector()
    {
        double mixed = Number(Upstream("DPA-PLD-10"), "value"); // three steps of four records and two steps of three

        double four = Number(await FiguresAsync("account --mechanism truncated-sampling --sampling-rate 0.5 --records 4 --largest-batch 2 --noise 1 --steps 5 --delta 1e-6"), "epsilon");
        double three = Number(await FiguresAsync("account --mechanism truncated-sampling --sampling-rate 0.5 --records 3 --largest-batch 2 --noise 1 --steps 5 --delta 1e-6"), "epsilon");

        Assert.InRange(mixed, Math.Min(three, four), Math.Max(three, four));
        Close(mixed, ((3 * four) + (2 * three)) / 5, 0.01); // epsilon is nearly linear in the mix
    }

    [Fact]
    public async Task Account_Json_HasEveryMember()
    {
        JsonElement found = await FiguresAsync("account --mechanism gaussian --noise 2 --steps 1 --delta 1e-5");

        Assert.Equal(
            "mechanism targetEpsilon noiseMultiplier samplingRate steps delta l2 coordinates shares components records largestBatch accountantVersion epsilon epsilonLower epsilonRdp rdpOrder epsilonLedger roundedL2 shareStddev",
            string.Join(' ', found.EnumerateObject().Select(member => member.Name)));
        Assert.Equal(("gaussian", "fedcloud-1", 1), (found.GetProperty("mechanism").GetString(), found.GetProperty("accountantVersion").GetString(), found.GetProperty("steps").GetInt64()));
        Assert.Equal(JsonValueKind.Null, found.GetProperty("epsilonLower").ValueKind);
    }

    [Theory]
    [InlineData("dp-sgd --sampling-rate 0.04 --steps 2250 --delta 1e-5", 3)]
    [InlineData("dp-sgd --sampling-rate 0.04 --steps 2250 --delta 1e-5", 8)]
    [InlineData("gaussian --steps 25 --delta 1e-5", 1)]
    [InlineData("discrete-gaussian --l2 10000 --coordinates 1048576 --shares 34 --steps 20 --delta 1e-6", 2)]
    [InlineData("skellam --l2 10000 --coordinates 1048576 --shares 34 --steps 20 --delta 1e-6", 2)]
    public async Task Calibrate_Found_IsEnoughAndAThousandthLessIsNot(string mechanism, double target)
    {
        JsonElement found = await FiguresAsync(Line($"calibrate --mechanism {mechanism} --epsilon {target:R}"));
        double noise = Number(found, "noiseMultiplier");

        JsonElement same = await FiguresAsync(Line($"account --mechanism {mechanism} --noise {noise:R}"));
        JsonElement less = await FiguresAsync(Line($"account --mechanism {mechanism} --noise {noise - 1e-3:R}"));

        Assert.Equal(target, Number(found, "targetEpsilon"));
        Assert.Equal(Number(same, "epsilon"), Number(found, "epsilon"));
        Assert.True(Number(same, "epsilon") <= target);
        Assert.True(Number(less, "epsilon") > target);
        if (mechanism.StartsWith("dp-sgd", StringComparison.Ordinal))
        {
            Close(target > 5 ? 9.6 : 3.7, Number(found, "epsilonLedger"), 0.15); // "about 3.7 (9.6)" in the specification, section 6.2
        }
        else if (mechanism.Contains("--shares", StringComparison.Ordinal))
        {
            Close(noise * Number(found, "roundedL2") / Math.Sqrt(34), Number(found, "shareStddev"), 1e-6);
        }
    }

    [Fact]
    public async Task Calibrate_Distributed_PrintsTheShare()
    {
        (int exit, string output, _) = await RunAsync("calibrate --mechanism skellam --epsilon 2 --l2 10000 --coordinates 1048576 --shares 34 --steps 1 --delta 1e-6");

        Assert.Equal(0, exit);
        Assert.StartsWith("skellam: epsilon at most 2, L2 bound 10000, 1048576 coordinates, 34 shares, 1 round, delta 1e-06\n  noise multiplier, smallest ", output, StringComparison.Ordinal);
        Assert.Contains("standard deviation of one share", output, StringComparison.Ordinal);
        Assert.EndsWith("replace one silo's vector by zero; holds for at most 1 round; accountant fedcloud-1.\n", output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(2, "noise_invalid: ", "account --mechanism dp-sgd --noise -1 --sampling-rate 0.5 --steps 1 --delta 1e-5")]
    [InlineData(2, "noise_invalid: ", "account --mechanism discrete-gaussian --noise NaN --l2 1 --coordinates 1 --steps 1 --delta 1e-5")]
    [InlineData(2, "noise_invalid: ", "account --mechanism laplace --noise 1e400 --steps 1 --delta 1e-5")]
    [InlineData(2, "usage: Cannot parse argument '1,5' for option '--noise' as expected type 'number'.", "account --mechanism gaussian --noise 1,5 --steps 1 --delta 1e-5")]
    [InlineData(2, "usage: Cannot parse argument '0,5' for option '--sampling-rate' as expected type 'number'.", "account --mechanism dp-sgd --noise 1 --sampling-rate 0,5 --steps 1 --delta 1e-5")]
    [InlineData(2, "usage: Cannot parse argument '1.5' for option '--steps' as expected type 'integer'.", "account --mechanism gaussian --noise 1 --steps 1.5 --delta 1e-5")]
    [InlineData(2, "usage: Option '--steps' is required.", "account --mechanism gaussian --noise 1 --delta 1e-5")]
    [InlineData(2, "sampling_rate_invalid: ", "account --mechanism dp-sgd --noise 1 --sampling-rate 1.01 --steps 1 --delta 1e-5")]
    [InlineData(2, "sampling_rate_invalid: ", "account --mechanism gaussian --noise 1 --sampling-rate NaN --steps 1 --delta 1e-5")]
    [InlineData(5, "sampler_not_accounted: the sampling rate of --mechanism gaussian must be 1, found 0.5.", "account --mechanism gaussian --noise 1 --sampling-rate 0.5 --steps 1 --delta 1e-5")]
    [InlineData(5, "sampler_not_accounted: ", "account --mechanism skellam --noise 1 --sampling-rate 0.5 --l2 1 --coordinates 1 --steps 1 --delta 1e-5")]
    [InlineData(5, "sampler_not_accounted: ", "calibrate --mechanism discrete-gaussian --epsilon 1 --sampling-rate 0.5 --l2 1 --coordinates 1 --steps 1 --delta 1e-5")]
    [InlineData(2, "delta_invalid: ", "account --mechanism dp-sgd --noise 1 --sampling-rate 0.5 --steps 1 --delta 0")]
    [InlineData(2, "count_invalid: ", "account --mechanism laplace --noise 1 --steps 0 --delta 1e-5")]
    [InlineData(2, "count_invalid: ", "account --mechanism skellam --noise 1 --l2 1 --coordinates 1 --shares 0 --steps 1 --delta 1e-5")]
    [InlineData(2, "epsilon_invalid: ", "calibrate --mechanism gaussian --epsilon 0 --steps 1 --delta 1e-5")]
    [InlineData(2, "accountant_not_finite: ", "account --mechanism dp-sgd --noise 1e-9 --sampling-rate 0.5 --steps 1 --delta 1e-5")]
    [InlineData(2, "accountant_not_finite: ", "account --mechanism gaussian-mixture --noise 1 --components 5000:1 --steps 1 --delta 1e-5")]
    [InlineData(2, "request_malformed: expected --components as MEAN:WEIGHT", "account --mechanism gaussian-mixture --noise 1 --components 1:0.5,x --steps 1 --delta 1e-5")]
    [InlineData(2, "noise_invalid: a mixture must be of positive weights with sum 1", "account --mechanism gaussian-mixture --noise 1 --components 1:0.5 --steps 1 --delta 1e-5")]
    [InlineData(2, "request_malformed: --mechanism dp-sgd needs --sampling-rate.", "account --mechanism dp-sgd --noise 1 --steps 1 --delta 1e-5")]
    [InlineData(2, "request_malformed: --mechanism skellam needs --coordinates.", "calibrate --mechanism skellam --epsilon 1 --l2 1 --steps 1 --delta 1e-5")]
    [InlineData(2, "request_malformed: --mechanism dp-sgd does not take --l2.", "account --mechanism dp-sgd --noise 1 --sampling-rate 0.5 --l2 1 --steps 1 --delta 1e-5")]
    [InlineData(2, "request_malformed: --mechanism gaussian does not take --records.", "account --mechanism gaussian --noise 1 --records 5 --steps 1 --delta 1e-5")]
    [InlineData(2, "request_malformed: expected --mechanism as one of dp-sgd, gaussian, discrete-gaussian, skellam, found 'laplace'.", "calibrate --mechanism laplace --epsilon 1 --steps 1 --delta 1e-5")]
    public async Task Privacy_BadInput_IsOneLineWithItsCode(int expected, string start, string line)
    {
        (int exit, string output, string errors) = await RunAsync(line);

        Assert.Equal((expected, string.Empty), (exit, output));
        Assert.StartsWith(start, errors, StringComparison.Ordinal);
        Assert.Single(errors.TrimEnd('\n').Split('\n'));
    }

    // The filter at every order of the ledger's grid, for Gaussian noise: the formula of the specification, section 6.2.
    // Wide noise on a grid is near it; Skellam's bound is proven at whole orders only.
    private static double LedgerLimit(double noise, long steps, double delta, bool wholeOnly = false)
    {
        double[] orders = [1.5, 2, 2.5, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 48, 64];
        return orders.Where(a => !wholeOnly || a == Math.Floor(a)).Min(a => (steps * a / (2 * noise * noise)) + Math.Log(1 - (1 / a)) - ((Math.Log(delta / orders.Length) + Math.Log(a)) / (a - 1)));
    }

    private static async Task<JsonElement> DistributedAsync(string mechanism, JsonElement vector, double noise, double scale, string shares)
    {
        Assert.Equal((HalfRounding, 1.0), (Number(vector, "beta"), Number(vector, "q")));
        (long steps, double delta) = (vector.GetProperty("steps").GetInt64(), Number(vector, "delta"));

        JsonElement found = await FiguresAsync(Line($"account --mechanism {mechanism} --noise {noise:R} --l2 {Number(vector, "l2_clip") * scale:R} --coordinates {vector.GetProperty("dim")} {shares} --steps {steps} --delta {delta:R}"));

        Close(Number(vector, "epsilon"), Number(found, "epsilon"), 1e-6 * Number(vector, "epsilon"));
        Assert.Equal((Number(vector, "order"), Number(found, "epsilon")), (Number(found, "rdpOrder"), Number(found, "epsilonRdp")));
        Close(LedgerLimit(noise, steps, delta, wholeOnly: mechanism == "skellam"), Number(found, "epsilonLedger"), 1e-3 * Number(found, "epsilonLedger"));
        return found;
    }

    private static void Close(double expected, double found, double tolerance) =>
        Assert.True(Math.Abs(found - expected) <= tolerance, $"expected {expected:R} within {tolerance:R}, found {found:R}");

    private static double Number(JsonElement element, string name) => element.GetProperty(name) is { ValueKind: JsonValueKind.String } text
        ? double.Parse(text.GetString()!, CultureInfo.InvariantCulture)
        : element.GetProperty(name).GetDouble();

    private static JsonElement Upstream(string id) => Vectors("dp_upstream.json").GetProperty("vectors").EnumerateArray().Single(vector => vector.GetProperty("id").GetString() == id);

    private static JsonElement Vectors(string file)
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "FedCloud.sln")))
        {
            folder = folder.Parent;
        }

        return JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder!.FullName, "tests", "vectors", "privacy", file))).RootElement;
    }

    private static string Line(FormattableString line) => FormattableString.Invariant(line);

    private static async Task<JsonElement> FiguresAsync(string line)
    {
        (int exit, string output, string errors) = await RunAsync(line + " --json");
        Assert.Equal((0, string.Empty), (exit, errors));
        return JsonDocument.Parse(output).RootElement;
    }

    private static Task<(int Exit, string Output, string Errors)> RunAsync(string line) => CliProcess.RunAsync(["privacy", .. line.Split(' ')]);
}
