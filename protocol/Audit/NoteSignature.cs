// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;

namespace FedCloud.Protocol.Audit;

/// <summary>One signature line of a note, verified or not: <c>— &lt;name&gt; &lt;base64(key id ‖ signature)&gt;</c>.</summary>
/// <param name="Name">The signer's name.</param>
/// <param name="KeyId">The four bytes that tell keys of one name apart; no cryptographic binding.</param>
/// <param name="Signature">The signature's bytes, in the form of its type.</param>
public sealed record NoteSignature(string Name, uint KeyId, ReadOnlyMemory<byte> Signature)
{
    /// <summary>The line, without the newline at its end.</summary>
    public string ToLine()
    {
        byte[] bytes = [(byte)(KeyId >> 24), (byte)(KeyId >> 16), (byte)(KeyId >> 8), (byte)KeyId, .. Signature.Span];
        return string.Create(CultureInfo.InvariantCulture, $"{SignedNote.LineMark}{Name} {Convert.ToBase64String(bytes)}");
    }
}
