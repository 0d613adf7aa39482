// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Buffers.Binary;
using FedCloud.Protocol.Privacy;

namespace FedCloud.Protocol.Tests.Privacy;

/// <summary>Gives chosen bytes, then zeros.</summary>
internal sealed class ScriptedRandomSource : IRandomSource
{
    private readonly List<byte> _script = [];

    public ScriptedRandomSource Then32(uint word)
    {
        byte[] bytes = new byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, word);
        _script.AddRange(bytes);
        return this;
    }

    public ScriptedRandomSource Then64(ulong word)
    {
        byte[] bytes = new byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, word);
        _script.AddRange(bytes);
        return this;
    }

    public void Fill(Span<byte> destination)
    {
        destination.Clear();
        int count = Math.Min(destination.Length, _script.Count);
        _script.GetRange(0, count).ToArray().CopyTo(destination);
        _script.RemoveRange(0, count);
    }
}
