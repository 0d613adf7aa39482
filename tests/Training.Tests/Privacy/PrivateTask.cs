// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Buffers.Binary;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Privacy;
using FedCloud.Training.Decoders;
using FedCloud.Training.Examples;
using FedCloud.Training.Jobs;
using FedCloud.Training.Privacy;

namespace FedCloud.Training.Tests.Privacy;

/// <summary>A tiny model, a handful of examples of odd lengths, and private steps on them with known coins and noise.</summary>
internal sealed class PrivateTask : IDisposable
{
    public const int Length = 24;

    private readonly TinyBase _tiny = new(tied: false);

    /// <summary>Lengths in tokens; the last has a prompt only, so nothing of it counts.</summary>
    public IReadOnlyList<Example> Examples { get; set; } =
    [
        Make(1, 9, 3), Make(2, 24, 5), Make(3, 2, 1), Make(4, 17, 0), Make(5, 24, 20), Make(6, 11, 4), Make(7, 6, 6),
    ];

    public JobPrivacy Privacy { get; set; } = new()
    {
        Unit = "record",
        SamplingRate = 1,
        ExpectedBatch = 4,
        NoiseMultiplier = 1,
        ExampleClip = 0.5,
        Clipping = "flat",
        Noise = "rounded",
    };

    public ExchangedFactor Exchanged { get; set; } = ExchangedFactor.B;

    public int BatchSize { get; set; } = 3;

    public int Threads { get; set; } = 1;

    /// <summary>Makes the embedding of a token NaN, and with it all that reads it.</summary>
    public int? PoisonedToken { get; set; }

    public static Example Make(int seed, int tokens, int prompt, string? person = null)
    {
        Random random = new(seed);
        return new Example([.. Enumerable.Range(0, tokens).Select(_ => random.Next(1, 290))], prompt, person);
    }

    public DecoderModel Model()
    {
        DecoderModel model = _tiny.Load(Math.Max(8, BatchSize) * Length, Length, Threads);
        model.TrainAdapter(Exchanged);
        if (PoisonedToken is { } token)
        {
            model.BaseParameters().First().Value.Span.Slice(token * _tiny.Config.Hidden, _tiny.Config.Hidden).Fill(float.NaN);
        }

        return model;
    }

    /// <summary>Takes steps and looks at each.</summary>
    public void Steps(int count, Action<PrivateGradient, DecoderModel, StepLoss> look, int key = 1)
    {
        using DecoderModel model = Model();
        using PrivateGradient gradient = new(model, new ExampleFile(Examples, 0), Privacy, BatchSize, Threads, new StepRandomness(Source(key), Source(key + 100)));
        for (int step = 0; step < count; step++)
        {
            look(gradient, model, gradient.Take(step));
        }
    }

    /// <summary>The sum of a step, its noise taken off again.</summary>
    public long[] Sum()
    {
        long[] sum = [];
        Steps(1, (gradient, _, _) =>
        {
            long[] noise = new long[gradient.NoisedSum.Length];
            using RandomBits bits = new(Source(101));
            new GridNoise(gradient.Plan, Privacy.Noise is "exact" ? NoiseProfile.Exact : NoiseProfile.Rounded, bits).AddTo(noise);
            sum = [.. gradient.NoisedSum.ToArray().Zip(noise, (noised, draw) => noised - draw)];
        });
        return sum;
    }

    /// <summary>The gradient of each example's mean loss, one example at a time by the plain pass.</summary>
    public double[][] OneByOne()
    {
        using DecoderModel model = Model();
        return [.. Examples.Select(example =>
        {
            Batch batch = Batch.Of([example]);
            model.ZeroGradients();
            model.Forward(batch.Tokens, 1, batch.T);
            model.Loss(batch.Targets, batch.Counted > 0 ? 1f / batch.Counted : 0);
            model.Backward();
            return model.Trained.SelectMany(parameter => parameter.Gradient!.Span.ToArray()).Select(value => (double)value).ToArray();
        })];
    }

    /// <summary>The sum of units' gradients, each clipped as <see cref="Privacy"/> says, one unit at a time.</summary>
    public double[] Clipped(double[][] units)
    {
        using DecoderModel model = Model();
        int[] modules = [.. model.Linears.Select(linear => new[] { linear.Adapter!.A, linear.Adapter.B }.Sum(factor => factor.Gradient?.Span.Length ?? 0))];
        int d = modules.Sum();
        double c = Privacy.ExampleClip;
        bool perLayer = Privacy.Clipping is "per_layer";
        double[] sum = new double[d];
        bool clips = false;
        foreach (double[] unit in units)
        {
            int start = 0;
            foreach (int length in perLayer ? modules : [d])
            {
                double norm = Math.Sqrt(unit[start..(start + length)].Sum(value => value * value));
                double bound = perLayer ? c / Math.Sqrt(modules.Length) : c;
                double factor = Privacy.Clipping is "automatic" ? bound / (norm + (0.01 * c)) : Math.Min(1, bound / Math.Max(norm, 1e-300));
                clips |= factor < 1;
                for (int i = start; i < start + length; i++)
                {
                    sum[i] += unit[i] * factor;
                }

                start += length;
            }
        }

        Assert.True(clips);
        return sum;
    }

    public void Dispose() => _tiny.Dispose();

    // Known keys: what they protect here is made up.
    public static AesCtrRandomSource Source(int key)
    {
        byte[] bytes = new byte[32];
        BinaryPrimitives.WriteInt32BigEndian(bytes, key);
        return new AesCtrRandomSource(bytes);
    }
}
