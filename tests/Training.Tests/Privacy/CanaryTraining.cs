// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Numerics;
using FedCloud.Protocol.Privacy;
using FedCloud.Training.Decoders;
using FedCloud.Training.Examples;
using FedCloud.Training.Jobs;
using FedCloud.Training.Optimization;
using FedCloud.Training.Privacy;

namespace FedCloud.Training.Tests.Privacy;

/// <summary>Private steps of the engine on ordinary examples and on the canaries that coins chose, under an attack that knows all but coins and noise.</summary>
/// <remarks>
/// The attack sees each step's noised sum and the weights before it, and computes every gradient itself, one example at a time. How
/// much of each example is in a sum y = sum of x_i g_i + noise it estimates by a linear rule; a canary's score is the sum of its x over the steps.
/// An inner product of y with g_i alone would mistake one canary for others whose gradients resemble it. The informed attack takes the
/// rule of the least mean square error for the stated noise. The blind one, which is weaker where all is well, fits least squares: it believes no statement about
/// noise or clipping, so it also finds where they are not what they should be.
/// </remarks>
internal sealed class CanaryTraining(PrivateTask task, int canaries, int ordinary)
{
    private const int Tokens = 8;
    private const double LeastNoise = 1e-3; // in clip norms; keeps the equations solvable

    private readonly Example[] _canaries = [.. Enumerable.Range(0, canaries).Select(i => PrivateTask.Make(1000 + i, Tokens, 1))];
    private readonly Example[] _ordinary = [.. Enumerable.Range(0, ordinary).Select(i => PrivateTask.Make(500_000 + i, Tokens, 1))];

    /// <summary>Trains as <see cref="PrivateTask.Privacy"/> says and scores the canaries.</summary>
    public (CanaryScores Informed, CanaryScores Blind) Run(int steps, int key)
    {
        bool[] members = Coins(key + 1);
        task.Examples = [.. _ordinary, .. _canaries.Where((_, i) => members[i])];
        using DecoderModel model = task.Model();
        using DecoderModel copy = task.Model();
        using PrivateGradient gradient = new(model, new ExampleFile(task.Examples, 0), task.Privacy, task.BatchSize, task.Threads, new StepRandomness(PrivateTask.Source(key + 2), PrivateTask.Source(key + 3)));
        AdamW optimizer = new(model.Trained, new AdamWOptions(0.9, 0.999, 1e-8, 0, 0));
        double[] informed = new double[canaries];
        double[] blind = new double[canaries];
        for (int step = 0; step < steps; step++)
        {
            double[][] gradients = Gradients(model, copy);
            gradient.Take(step);
            double[] noised = [.. gradient.NoisedSum.ToArray().Select(gradient.Plan.FromGrid)];
            AddParts(informed, gradients, noised, gradient.Plan.Sigma);
            AddParts(blind, gradients, noised, LeastNoise * task.Privacy.ExampleClip);
            optimizer.Step(1e-3);
        }

        return (new CanaryScores(members, informed), new CanaryScores(members, blind));
    }

    private static double Dot(ReadOnlySpan<double> a, ReadOnlySpan<double> b)
    {
        Vector<double> sums = default;
        int i = 0;
        for (; i + Vector<double>.Count <= a.Length; i += Vector<double>.Count)
        {
            sums += new Vector<double>(a[i..]) * new Vector<double>(b[i..]);
        }

        double sum = Vector.Sum(sums);
        for (; i < a.Length; i++)
        {
            sum += a[i] * b[i];
        }

        return sum;
    }

    private bool[] Coins(int key)
    {
        using RandomBits bits = new(PrivateTask.Source(key));
        return [.. _canaries.Select(_ => bits.NextBit())];
    }

    // The canaries' clipped gradients, then those of the ordinary examples, at the model's weights.
    private double[][] Gradients(DecoderModel model, DecoderModel copy)
    {
        foreach ((Parameter from, Parameter to) in model.Trained.Zip(copy.Trained))
        {
            from.Value.Span.CopyTo(to.Value.Span);
        }

        return [.. _canaries.Concat(_ordinary).Select(example =>
        {
            Batch batch = Batch.Of([example]);
            copy.ZeroGradients();
            copy.Forward(batch.Tokens, 1, batch.T);
            copy.Loss(batch.Targets, 1f / batch.Counted);
            copy.Backward();
            double[] gradient = [.. copy.Trained.SelectMany(parameter => parameter.Gradient!.Span.ToArray()).Select(value => (double)value)];
            double factor = Math.Min(1, task.Privacy.ExampleClip / Math.Sqrt(Dot(gradient, gradient)));
            return gradient.Select(value => value * factor).ToArray();
        })];
    }

    // With x of mean p and variance V = diag(p (1 - p)): p + V G (G' V G + sigma^2)^-1 (y - G' p), the inverse moved to the side of the examples.
    private void AddParts(double[] scores, double[][] gradients, double[] noised, double sigma)
    {
        double[] mean = [.. gradients.Select((_, i) => i < canaries ? task.Privacy.SamplingRate / 2 : task.Privacy.SamplingRate)];
        double[] deviation = [.. mean.Select(p => Math.Sqrt(Math.Max(1e-12, p * (1 - p))))];
        double[] rest = [.. noised];
        double[][] rows = new double[gradients.Length][];
        for (int i = 0; i < rows.Length; i++)
        {
            rows[i] = [.. gradients[i].Select(value => value * deviation[i])];
            for (int k = 0; k < rest.Length; k++)
            {
                rest[k] -= mean[i] * gradients[i][k];
            }
        }

        double[][] factor = Cholesky(rows, sigma * sigma);
        double[] solved = Solve(factor, [.. rows.Select(row => Dot(row, rest))]);
        for (int i = 0; i < scores.Length; i++)
        {
            scores[i] += mean[i] + (deviation[i] * solved[i]);
        }
    }

    // L of L L' = rows rows' + ridge.
    private static double[][] Cholesky(double[][] rows, double ridge)
    {
        double[][] factor = [.. rows.Select(_ => new double[rows.Length])];
        for (int i = 0; i < rows.Length; i++)
        {
            for (int j = 0; j <= i; j++)
            {
                double rest = Dot(rows[i], rows[j]) + (i == j ? ridge : 0) - Dot(factor[i].AsSpan(0, j), factor[j].AsSpan(0, j));
                factor[i][j] = i == j ? Math.Sqrt(rest) : rest / factor[j][j];
            }
        }

        return factor;
    }

    private static double[] Solve(double[][] factor, double[] right)
    {
        double[] x = [.. right];
        for (int i = 0; i < x.Length; i++)
        {
            x[i] = (x[i] - Dot(factor[i].AsSpan(0, i), x.AsSpan(0, i))) / factor[i][i];
        }

        for (int i = x.Length - 1; i >= 0; i--)
        {
            x[i] /= factor[i][i];
            for (int j = 0; j < i; j++)
            {
                x[j] -= factor[i][j] * x[i];
            }
        }

        return x;
    }
}
