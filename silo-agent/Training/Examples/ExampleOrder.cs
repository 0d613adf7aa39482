// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Buffers.Binary;
using System.Security.Cryptography;

namespace FedCloud.Training.Examples;

/// <summary>The order in which a round sees its examples: shuffled passes, each from a seed, the same wherever it is computed.</summary>
/// <remarks>Fisher and Yates 1938, over a stream of SHA-256(seed ‖ round ‖ pass ‖ counter). This order is public in effect; private sampling has its own generator.</remarks>
public sealed class ExampleOrder(int count, long seed, int round)
{
    private int[] _pass = [];
    private int _passNumber = -1;

    /// <summary>The index of the example at a position of the round, from 0.</summary>
    public int this[long position]
    {
        get
        {
            int pass = (int)(position / count);
            if (pass != _passNumber)
            {
                _pass = Shuffle(pass);
                _passNumber = pass;
            }

            return _pass[position % count];
        }
    }

    private int[] Shuffle(int pass)
    {
        int[] order = [.. Enumerable.Range(0, count)];
        byte[] input = new byte[24];
        BinaryPrimitives.WriteInt64BigEndian(input, seed);
        BinaryPrimitives.WriteInt32BigEndian(input.AsSpan(8), round);
        BinaryPrimitives.WriteInt32BigEndian(input.AsSpan(12), pass);
        byte[] block = new byte[32];
        for (int i = count - 1; i > 0; i--)
        {
            BinaryPrimitives.WriteInt64BigEndian(input.AsSpan(16), i);
            SHA256.HashData(input, block);
            int j = (int)(BinaryPrimitives.ReadUInt64BigEndian(block) % (ulong)(i + 1));
            (order[i], order[j]) = (order[j], order[i]);
        }

        return order;
    }
}
