// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Numerics;

namespace FedCloud.Protocol.Privacy;

/// <summary>The discrete Fourier transform of a length that is a power of two, in place (Cooley and Tukey 1965).</summary>
/// <remarks>Each root of unity is computed by itself, so the error of a transform grows with the logarithm of its length only.</remarks>
internal sealed class FourierTransform
{
    private readonly Complex[] _roots; // e^(-2 pi i k / n), k < n/2
    private readonly int _length;

    /// <summary>Makes the transform of a length.</summary>
    /// <param name="length">A power of two.</param>
    internal FourierTransform(int length)
    {
        _length = length;
        _roots = new Complex[Math.Max(1, length / 2)];
        for (int k = 0; k < _roots.Length; k++)
        {
            (double sin, double cos) = Math.SinCos(-2 * Math.PI * k / length);
            _roots[k] = new Complex(cos, sin);
        }
    }

    /// <summary>The smallest power of two that is at least <paramref name="count"/>.</summary>
    internal static int LengthFor(long count) => checked((int)BitOperations.RoundUpToPowerOf2((ulong)Math.Max(count, 2)));

    /// <summary>Transforms; without normalisation.</summary>
    internal void Forward(Complex[] values)
    {
        Reorder(values);
        for (int half = 1; half < _length; half *= 2)
        {
            int stride = _length / (2 * half);
            for (int block = 0; block < _length; block += 2 * half)
            {
                Span<Complex> even = values.AsSpan(block, half);
                Span<Complex> odd = values.AsSpan(block + half, half);
                for (int k = 0; k < even.Length; k++)
                {
                    Complex turned = odd[k] * _roots[k * stride];
                    odd[k] = even[k] - turned;
                    even[k] += turned;
                }
            }
        }
    }

    /// <summary>Transforms back, with normalisation by the length.</summary>
    internal void Backward(Complex[] values)
    {
        Forward(values);
        Array.Reverse(values, 1, _length - 1);
        double scale = 1.0 / _length;
        for (int i = 0; i < _length; i++)
        {
            values[i] *= scale;
        }
    }

    private void Reorder(Complex[] values)
    {
        int bits = BitOperations.Log2((uint)_length);
        for (int i = 0; i < _length; i++)
        {
            int j = 0;
            for (int bit = 0; bit < bits; bit++)
            {
                j |= ((i >> bit) & 1) << (bits - 1 - bit);
            }

            if (j > i)
            {
                (values[i], values[j]) = (values[j], values[i]);
            }
        }
    }
}
