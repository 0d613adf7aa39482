// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Training.Kernels;

namespace FedCloud.Training.Decoders;

/// <summary>The cosines and sines of rotary positions, made once.</summary>
internal sealed unsafe class RotaryTable : IDisposable
{
    private readonly Matrix _cos; // (T, D/2)
    private readonly Matrix _sin;

    /// <summary>Computes them.</summary>
    /// <param name="positions">The positions.</param>
    /// <param name="headWidth">The width of a head, even.</param>
    /// <param name="length">The longest sequence.</param>
    public RotaryTable(RotaryPositions positions, int headWidth, int length)
    {
        int half = headWidth / 2;
        _cos = new Matrix(length, half);
        _sin = new Matrix(length, half);
        double[] angles = positions.Angles(headWidth);
        for (int p = 0; p < length; p++)
        {
            for (int i = 0; i < half; i++)
            {
                _cos.P[(p * half) + i] = (float)Math.Cos(p * angles[i]);
                _sin.P[(p * half) + i] = (float)Math.Sin(p * angles[i]);
            }
        }
    }

    /// <summary>Turns the heads of each token by its position.</summary>
    /// <param name="heads">The first token's.</param>
    /// <param name="count">Heads of a token.</param>
    /// <param name="stride">From a token to the next.</param>
    /// <param name="sequences">What the rows are.</param>
    /// <param name="sign">1; or -1 to turn back.</param>
    /// <param name="threads">The most threads.</param>
    public void Turn(float* heads, int count, int stride, Sequences sequences, float sign, int threads) =>
        Workers.Rows(sequences.N, threads, new RopeRows(heads, _cos.P, _sin.P, count, stride, _cos.Columns, sequences.Positions, sign));

    /// <inheritdoc/>
    public void Dispose()
    {
        _cos.Dispose();
        _sin.Dispose();
    }
}
