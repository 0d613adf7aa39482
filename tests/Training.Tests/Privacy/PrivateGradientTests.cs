// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Privacy;
using FedCloud.Training.Decoders;
using FedCloud.Training.Examples;
using FedCloud.Training.Jobs;
using FedCloud.Training.Privacy;

namespace FedCloud.Training.Tests.Privacy;

public sealed class PrivateGradientTests : IDisposable
{
    private readonly PrivateTask _task = new();

    [Theory]
    [InlineData("flat", ExchangedFactor.A)]
    [InlineData("flat", ExchangedFactor.B)]
    [InlineData("flat", ExchangedFactor.Both)]
    [InlineData("per_layer", ExchangedFactor.A)]
    [InlineData("per_layer", ExchangedFactor.B)]
    [InlineData("per_layer", ExchangedFactor.Both)]
    [InlineData("automatic", ExchangedFactor.A)]
    [InlineData("automatic", ExchangedFactor.B)]
    [InlineData("automatic", ExchangedFactor.Both)]
    public void Take_EveryRecord_IsTheSumOfClippedGradientsOfEachByItself(string clipping, ExchangedFactor exchanged)
    {
        _task.Privacy = _task.Privacy with { Clipping = clipping };
        _task.Exchanged = exchanged;

        AssertClose(_task.Clipped(_task.OneByOne()), _task.Sum());
    }

    [Theory]
    [InlineData("flat", 1)]
    [InlineData("per_layer", 2)]
    [InlineData("automatic", 3)]
    public void Take_EveryPerson_IsTheSumOfClippedSums(string clipping, int batchSize)
    {
        // Anna's three examples do not fit one micro-batch of two.
        string[] persons = ["anna", "bea", "anna", "cleo", "anna", "bea", "dora"];
        _task.Examples = [.. _task.Examples.Zip(persons, (example, person) => example with { Person = person })];
        _task.Privacy = _task.Privacy with { Unit = "person", Clipping = clipping };
        _task.BatchSize = batchSize;
        double[][] each = _task.OneByOne();
        double[][] sums = [.. persons.Distinct(StringComparer.Ordinal).Select(person => each.Where((_, i) => persons[i] == person).Aggregate(Added))];

        AssertClose(_task.Clipped(sums), _task.Sum());
    }

    [Theory]
    [InlineData("record")]
    [InlineData("person")]
    public void Take_AnyMicroBatchAndThreads_GivesTheSameBits(string unit)
    {
        _task.Examples = [.. _task.Examples.Select((example, i) => example with { Person = i % 2 == 0 ? "even" : $"{i}" })];
        _task.Privacy = _task.Privacy with { Unit = unit };
        long[] expected = _task.Sum();

        foreach ((int batchSize, int threads) in ((int, int)[])[(1, 1), (2, 1), (4, 2), (7, 1), (8, 2)])
        {
            (_task.BatchSize, _task.Threads) = (batchSize, threads);
            Assert.Equal(expected, _task.Sum());
        }
    }

    [Fact]
    public void Take_OneRecordMore_ChangesTheSumByThatRecordAlone()
    {
        IReadOnlyList<Example> all = _task.Examples;
        long[] with = _task.Sum();
        for (int i = 0; i < all.Count; i++)
        {
            _task.Examples = [.. all.Where((_, k) => k != i)];
            long[] without = _task.Sum();
            _task.Examples = [all[i]];

            Assert.Equal(with, without.Zip(_task.Sum(), (a, b) => a + b));
        }
    }

    [Fact]
    public void Take_ManySteps_UnitsEnterWhole()
    {
        // Every sum of a step is that of some of the persons, all of their examples.
        string[] persons = ["anna", "bea", "anna", "cleo", "anna", "bea", "cleo"];
        IReadOnlyList<Example> all = [.. _task.Examples.Zip(persons, (example, person) => example with { Person = person })];
        _task.Privacy = _task.Privacy with { Unit = "person" };
        Dictionary<string, int> counted = new(StringComparer.Ordinal);
        foreach (string person in persons.Distinct(StringComparer.Ordinal))
        {
            counted[person] = all.Where(example => example.Person == person).Sum(example => Batch.Of([example]).Counted);
        }

        HashSet<int> possible = [.. Enumerable.Range(0, 8).Select(set => counted.Values.Where((_, i) => (set >> i & 1) != 0).Sum())];
        _task.Examples = all;
        _task.Privacy = _task.Privacy with { SamplingRate = 0.5 };
        Dictionary<int, int> found = [];

        _task.Steps(60, (_, _, loss) => found[loss.Counted] = found.GetValueOrDefault(loss.Counted) + 1);

        Assert.Equal(8, possible.Count);
        Assert.Equal(possible.Order(), found.Keys.Order());
    }

    [Fact]
    public void Take_ExpectedBatch_DividesWhateverTheRealisedOne()
    {
        List<float[]> once = [];
        List<float[]> quarter = [];
        _task.Privacy = _task.Privacy with { ExpectedBatch = 1, SamplingRate = 0.5 };
        _task.Steps(4, (_, model, _) => once.Add(Gradients(model)));
        _task.Privacy = _task.Privacy with { ExpectedBatch = 4 };
        _task.Steps(4, (_, model, _) => quarter.Add(Gradients(model)));

        Assert.All(once.Zip(quarter), pair => Assert.Equal(pair.First.Select(value => value / 4), pair.Second)); // a power of two divides exactly
        Assert.All(quarter, gradient => Assert.Contains(gradient, value => value != 0));
    }

    [Fact]
    public void Dispose_Twice_IsOnce()
    {
        Assert.Null(Record.Exception(() => _task.Steps(1, (gradient, _, _) => gradient.Dispose())));
    }

    [Theory]
    [InlineData("exact")]
    [InlineData("rounded")]
    public void Take_NobodyEnters_IsNoiseAlone(string noise)
    {
        _task.Privacy = _task.Privacy with { SamplingRate = 1e-18, Noise = noise };

        _task.Steps(3, (gradient, _, loss) =>
        {
            Assert.Null(loss.Loss);
            Assert.Equal(0, loss.Counted);
            Assert.True(gradient.NoisedSum.IndexOfAnyExcept(0L) >= 0);
        });
        Assert.Equal(-1, _task.Sum().AsSpan().IndexOfAnyExcept(0L));
    }

    [Fact]
    public void Take_ExampleThatIsNotFinite_CountsAsZeroAndTheStepGoesOn()
    {
        IReadOnlyList<Example> all = _task.Examples;
        long[] expected = _task.Sum();
        double? loss = null;
        _task.Steps(1, (_, _, step) => loss = step.Loss);

        _task.PoisonedToken = 295;
        _task.Examples = [.. all, new Example([4, 5, 295, 6], 1)];

        Assert.Equal(expected, _task.Sum());
        _task.Steps(1, (_, _, step) => Assert.Equal(loss, step.Loss));
    }

    [Fact]
    public void Take_NeighbouringInputs_HaveTheSameSupport()
    {
        // Written without a divisor, a float32 of a multiple of the grid is one itself; whole and odd multiples come with and without the record.
        _task.Privacy = _task.Privacy with { ExpectedBatch = 1 };
        foreach (int count in (int[])[7, 6, 0])
        {
            _task.Privacy = _task.Privacy with { SamplingRate = count == 0 ? 1e-18 : 1 };
            _task.Examples = [.. _task.Examples.Take(Math.Max(1, count))];
            _task.Steps(1, (gradient, model, _) =>
            {
                double[] units = [.. Gradients(model).Select(value => value / gradient.Plan.Grid)];
                Assert.All(units, value => Assert.Equal(Math.Round(value), value));
                int odd = gradient.NoisedSum.ToArray().Count(value => value % 2 != 0);
                double half = gradient.NoisedSum.Length / 2.0;
                Assert.InRange(odd, half - (4 * Math.Sqrt(half / 2)), half + (4 * Math.Sqrt(half / 2)));
            });
        }
    }

    [Theory]
    [InlineData("exact")]
    [InlineData("rounded")]
    public void Take_NobodyEnters_GivesAGaussianOfTheStatedDeviation(string noise)
    {
        _task.Privacy = _task.Privacy with { SamplingRate = 1e-18, Noise = noise, NoiseMultiplier = 1.3 };
        List<double> draws = [];
        double deviation = 1.3 * _task.Privacy.ExampleClip / _task.Privacy.ExpectedBatch;

        _task.Steps(20, (_, model, _) => draws.AddRange(Gradients(model).Select(value => value / deviation)));

        int n = draws.Count;
        draws.Sort();
        double distance = draws.Select((value, i) => Math.Max(Math.Abs(Normal(value) - ((double)i / n)), Math.Abs(Normal(value) - ((i + 1.0) / n)))).Max();
        Assert.True(n > 10_000);
        Assert.InRange(draws.Average(), -4 / Math.Sqrt(n), 4 / Math.Sqrt(n));
        Assert.InRange(draws.Average(value => value * value), 1 - (4 * Math.Sqrt(2.0 / n)), 1 + (4 * Math.Sqrt(2.0 / n)));
        Assert.True(distance < 1.95 / Math.Sqrt(n), $"{distance} over {n} draws"); // Kolmogorov and Smirnov, one in a thousand
    }

    [Fact]
    public void Secret_TwoJobs_DrawOtherCoinsAndNoise()
    {
        using StepRandomness one = StepRandomness.Secret(2);
        using StepRandomness two = StepRandomness.Secret(2);

        ulong[] draws = [.. new[] { one, two }.SelectMany(random => random.Noise.Append(random.Coins)).Select(bits => bits.Next64())];

        Assert.Equal(6, draws.Distinct().Count());
    }

    [Fact]
    public void Noise_SeveralShares_CoverEveryCoordinateOnce()
    {
        GridNoisePlan plan = new(1, 1, 103);
        using RandomBits a = new(PrivateTask.Source(1));
        using RandomBits b = new(PrivateTask.Source(2));
        using RandomBits c = new(PrivateTask.Source(3));
        using NoiseShares shares = new(plan, NoiseProfile.Rounded, [a, b, c]);
        long[] found = new long[103];
        long[] expected = new long[103];

        shares.AddTo(found);

        foreach ((int key, int start, int count) in ((int, int, int)[])[(1, 0, 35), (2, 35, 35), (3, 70, 33)])
        {
            using RandomBits bits = new(PrivateTask.Source(key));
            new GridNoise(plan, NoiseProfile.Rounded, bits).AddTo(expected.AsSpan(start, count));
        }

        Assert.Equal(expected, found);
    }

    [Fact]
    public void Noise_ShareThatFails_IsReportedToWhoeverAsked()
    {
        using RandomBits a = new(PrivateTask.Source(1));
        using RandomBits b = new(PrivateTask.Source(2));
        using NoiseShares shares = new(new GridNoisePlan(1, 1, 4), NoiseProfile.Rounded, [a, b]);

        Assert.Throws<OverflowException>(() => shares.AddTo([0, 0, long.MaxValue, long.MaxValue, long.MinValue, long.MinValue]));
    }

    [Theory]
    [InlineData("record", 1)]
    [InlineData("record", 2)]
    [InlineData("person", 1)]
    public void Take_Warm_AllocatesNothing(string unit, int threads)
    {
        _task.Examples = [.. _task.Examples.Select((example, i) => example with { Person = $"{i / 3}" })];
        _task.Privacy = _task.Privacy with { Unit = unit, SamplingRate = 0.6 };
        _task.Threads = threads;
        using DecoderModel model = _task.Model();
        using PrivateGradient gradient = new(model, new ExampleFile(_task.Examples, 0), _task.Privacy, 2, threads, new StepRandomness(new Weyl(1), [.. Enumerable.Range(2, threads).Select(seed => new Weyl(seed))]));

        Assert.Equal(0, Allocations.Of(() =>
        {
            for (int step = 0; step < 30; step++)
            {
                gradient.Take(step);
            }
        }));
    }

    public void Dispose() => _task.Dispose();

    private static double[] Added(double[] a, double[] b) => [.. a.Zip(b, (x, y) => x + y)];

    private static float[] Gradients(DecoderModel model) => [.. model.Trained.SelectMany(parameter => parameter.Gradient!.Span.ToArray())];

    // The normal distribution function, by Marsaglia's series.
    private static double Normal(double x)
    {
        if (Math.Abs(x) > 7)
        {
            return x > 0 ? 1 : 0;
        }

        double sum = x;
        double term = x;
        for (int i = 3; Math.Abs(term) > 1e-17; i += 2)
        {
            term *= x * x / i;
            sum += term;
        }

        return 0.5 + (sum * Math.Exp(-x * x / 2) / Math.Sqrt(2 * Math.PI));
    }

    private void AssertClose(double[] expected, long[] units)
    {
        double grid = new GridNoisePlan(_task.Privacy.NoiseMultiplier, _task.Privacy.ExampleClip, units.Length).Grid;
        double norm = Math.Sqrt(expected.Sum(value => value * value));
        double distance = Math.Sqrt(expected.Zip(units, (value, unit) => Math.Pow(value - (unit * grid), 2)).Sum());
        Assert.Equal(expected.Length, units.Length);
        Assert.True(distance <= 1e-6 * norm, $"{distance} of {norm}");
    }

    // AES from the library allocates 64 bytes of its own for every 4 KiB of the stream; this one does not.
    private sealed class Weyl(int seed) : IRandomSource
    {
        private ulong _state = (ulong)seed;

        public void Fill(Span<byte> destination)
        {
            for (int i = 0; i < destination.Length; i++)
            {
                ulong z = _state += 0x9E3779B97F4A7C15;
                z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
                z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
                destination[i] = (byte)(z >> 32);
            }
        }
    }
}
