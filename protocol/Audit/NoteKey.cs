// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Signing;

namespace FedCloud.Protocol.Audit;

/// <summary>A verifier key of notes, in text <c>name+hex(key id)+base64(type ‖ key)</c> (C2SP signed-note; audit-log, section 4).</summary>
public sealed class NoteKey
{
    /// <summary>The longest name, in characters.</summary>
    public const int MaxNameLength = 200;

    private const int TimestampBytes = 8;

    private readonly byte[] _key;

    private NoteKey(string name, NoteSignatureType type, byte[] key)
    {
        Name = name;
        Type = type;
        _key = key;
        P256 = type == NoteSignatureType.EcdsaP256 ? VerificationKey.FromSpki(key) : null;
        Id = BinaryPrimitives.ReadUInt32BigEndian(SHA256.HashData(IdInput()));
    }

    /// <summary>The signer's name.</summary>
    public string Name { get; }

    /// <summary>The key id.</summary>
    public uint Id { get; }

    /// <summary>What the key signs with.</summary>
    public NoteSignatureType Type { get; }

    /// <summary>The key itself where it is on P-256, else null.</summary>
    public VerificationKey? P256 { get; }

    /// <summary>The text form.</summary>
    public string VKey => string.Create(CultureInfo.InvariantCulture, $"{Name}+{Id:x8}+{Convert.ToBase64String([(byte)Type, .. _key])}");

    /// <summary>A P-256 key under a name.</summary>
    /// <exception cref="FedCloudException"><c>key_malformed</c>: the name is empty, too long, or has spaces or a plus sign.</exception>
    public static NoteKey Of(string name, VerificationKey key)
    {
        ArgumentNullException.ThrowIfNull(key);
        return IsName(name)
            ? new NoteKey(name, NoteSignatureType.EcdsaP256, key.Spki.ToArray())
            : throw new FedCloudException(ErrorCodes.KeyMalformed, "expected a key name without spaces and plus signs, found another text");
    }

    /// <summary>Reads a verifier key and checks its key id.</summary>
    /// <exception cref="FedCloudException"><c>key_malformed</c>, or <c>note_key_id</c> when only the id is wrong.</exception>
    public static NoteKey Parse(string vkey)
    {
        ArgumentNullException.ThrowIfNull(vkey);
        string[] parts = vkey.Split('+', 3);
        if (parts.Length != 3 || !IsName(parts[0]) || !StrictBase64.TryDecode(parts[2], out byte[] typed) || typed.Length < 2)
        {
            throw new FedCloudException(ErrorCodes.KeyMalformed, "expected a verifier key 'name+id+key', found other text");
        }

        NoteSignatureType type = (NoteSignatureType)typed[0];
        bool edwards = type is NoteSignatureType.Ed25519 or NoteSignatureType.CosignatureV1;
        if ((edwards && typed.Length != 1 + Ed25519.KeyBytes) || (!edwards && type != NoteSignatureType.EcdsaP256))
        {
            throw new FedCloudException(ErrorCodes.KeyMalformed, $"expected a verifier key of type 1, 2 or 4, found {typed.Length - 1} bytes of type {typed[0]}");
        }

        NoteKey key = new(parts[0], type, typed[1..]);
        return string.Equals(key.VKey, vkey, StringComparison.Ordinal)
            ? key
            : throw new FedCloudException(ErrorCodes.NoteKeyId, $"expected key id {key.Id:x8}, found another");
    }

    /// <summary>Whether the text may name a key: not empty, no Unicode spaces, no plus sign, no control characters.</summary>
    public static bool IsName(string? text) =>
        text is { Length: >= 1 and <= MaxNameLength } && !text.Any(c => char.IsWhiteSpace(c) || char.IsControl(c) || c == '+');

    /// <summary>Whether a line carries this key's name and id. It may still not verify.</summary>
    public bool Matches(NoteSignature line)
    {
        ArgumentNullException.ThrowIfNull(line);
        return line.KeyId == Id && string.Equals(line.Name, Name, StringComparison.Ordinal);
    }

    /// <summary>Whether the signature is this key's over the note's text.</summary>
    public bool Verify(string text, ReadOnlySpan<byte> signature) => Type switch
    {
        NoteSignatureType.Ed25519 => Ed25519.Verify(_key, Encoding.UTF8.GetBytes(text), signature),
        NoteSignatureType.CosignatureV1 => VerifyCosignature(text, signature),
        _ => P256 is { } key && EcdsaDer.TryToP1363(signature, out byte[] p1363) && key.Verify(Encoding.UTF8.GetBytes(text), p1363),
    };

    /// <summary>The time that a cosignature states, in Unix seconds. Only meaningful after <see cref="Verify"/>.</summary>
    public static long? CosignedAt(ReadOnlySpan<byte> signature) =>
        signature.Length == TimestampBytes + Ed25519.SignatureBytes && BinaryPrimitives.ReadInt64BigEndian(signature) is >= 0 and long time ? time : null;

    // C2SP tlog-cosignature, "Ed25519 signed message".
    private bool VerifyCosignature(string text, ReadOnlySpan<byte> signature) =>
        CosignedAt(signature) is { } time
        && Ed25519.Verify(_key, Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"cosignature/v1\ntime {time}\n{text}")), signature[TimestampBytes..]);

    // Type 2 hashes the SubjectPublicKeyInfo alone; the others hash name, newline, type and key (C2SP signed-note).
    private byte[] IdInput() => Type == NoteSignatureType.EcdsaP256
        ? _key
        : [.. Encoding.UTF8.GetBytes(Name), (byte)'\n', (byte)Type, .. _key];
}
