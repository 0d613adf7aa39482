// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Numerics;

namespace FedCloud.Protocol.Safetensors;

/// <summary>Looks for NaN and infinity.</summary>
public static class FiniteCheck
{
    /// <summary>The index of the first value that is NaN or infinite; -1 when all are finite.</summary>
    public static int IndexOfNotFinite(ReadOnlySpan<float> values)
    {
        int i = 0;
        Vector<int> exponent = new(0x7f800000);
        for (; i + Vector<float>.Count <= values.Length; i += Vector<float>.Count)
        {
            Vector<int> bits = Vector.AsVectorInt32(new Vector<float>(values[i..]));
            if (Vector.EqualsAny(bits & exponent, exponent))
            {
                break;
            }
        }

        for (; i < values.Length; i++)
        {
            if (!float.IsFinite(values[i]))
            {
                return i;
            }
        }

        return -1;
    }
}
