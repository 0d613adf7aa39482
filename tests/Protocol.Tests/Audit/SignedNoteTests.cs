// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Buffers.Binary;
using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Signing;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace FedCloud.Protocol.Tests.Audit;

public sealed class SignedNoteTests
{
    private static readonly ECDsa Key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private static readonly NoteKey Log = NoteKey.Of("fedcloud.example/log/test", VerificationKey.Of(Key));
    private const string Text = "fedcloud.example/log/test\n8\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=\n";

    [Fact]
    public void Vectors_Notes_GiveTheirExpectedOutcome()
    {
        JsonElement[] notes = [.. AuditVectors.Read("signed_notes.json").GetProperty("notes").EnumerateArray()];

        Assert.Equal(20, notes.Length);
        Assert.All(notes, vector => Assert.Equal(vector.GetProperty("expect").GetString(), Outcome(vector)));
    }

    [Fact]
    public void Vectors_Notes_RoundTripAndAreCheckpointsWhereTheySaySo()
    {
        foreach (JsonElement vector in AuditVectors.Read("signed_notes.json").GetProperty("notes").EnumerateArray())
        {
            byte[] bytes = Encoding.UTF8.GetBytes(vector.GetProperty("note").GetString()!);
            SignedNote note = SignedNote.Parse(bytes);

            Assert.Equal(bytes, note.ToBytes());
            if (note.Text.Contains("/log/", StringComparison.Ordinal))
            {
                Assert.Equal(note.Text, Checkpoint.Parse(note.Text).ToText());
            }
        }
    }

    [Fact]
    public void Vectors_DerAndP1363_AreTwoFormsOfOneSignature()
    {
        JsonElement[] both = [.. AuditVectors.Read("signed_notes.json").GetProperty("notes").EnumerateArray().Where(note => note.TryGetProperty("der_hex", out _))];

        Assert.NotEmpty(both);
        foreach (JsonElement vector in both)
        {
            byte[] der = Convert.FromHexString(vector.GetProperty("der_hex").GetString()!);
            Assert.True(EcdsaDer.TryToP1363(der, out byte[] p1363));
            Assert.Equal(vector.GetProperty("p1363_hex").GetString(), Convert.ToHexStringLower(p1363));
            Assert.Equal(der, EcdsaDer.FromP1363(p1363));
        }
    }

    [Fact]
    public void Vectors_TlogProofs_GiveTheirExpectedOutcome()
    {
        foreach (JsonElement vector in AuditVectors.Read("signed_notes.json").GetProperty("tlog_proofs").EnumerateArray())
        {
            byte[] bytes = Encoding.UTF8.GetBytes(vector.GetProperty("proof").GetString()!);
            TlogProof proof = TlogProof.Parse(bytes);
            Exception? error = Record.Exception(() => proof.Verify(Convert.FromHexString(vector.GetProperty("leaf_input_hex").GetString()!), [NoteKey.Parse(vector.GetProperty("vkey").GetString()!)]));

            Assert.Equal(bytes, proof.ToBytes());
            Assert.Equal(vector.GetProperty("expect").GetString(), error is null ? "ok" : ((FedCloudException)error).Code == ErrorCodes.InclusionFailed ? "inclusion failed" : error.Message);
        }
    }

    [Fact]
    public void T14_Note_AnyByteChanged_DoesNotVerify()
    {
        byte[] whole = Sign(Text).ToBytes();
        Assert.Single(SignedNote.Parse(whole).Verify([Log]));
        for (int i = 0; i < whole.Length; i++)
        {
            foreach (byte flip in new byte[] { 0x01, 0x20, 0x80 })
            {
                byte[] spoiled = [.. whole];
                spoiled[i] ^= flip;
                Assert.IsType<FedCloudException>(Record.Exception(() => SignedNote.Parse(spoiled).Verify([Log])));
            }

            Assert.IsType<FedCloudException>(Record.Exception(() => SignedNote.Parse([.. whole[..i], .. whole[(i + 1)..]]).Verify([Log])));
        }
    }

    [Fact]
    public void Note_UnknownLines_AreKeptAndIgnored()
    {
        SignedNote note = Sign(Text)
            .With(new NoteSignature("pq.example/w", 7, new byte[3309]))
            .With(new NoteSignature(Log.Name, Log.Id + 1, new byte[70]))
            .With(new NoteSignature("other.example", Log.Id, new byte[70]));

        SignedNote read = SignedNote.Parse(note.ToBytes());

        Assert.Equal(4, read.Signatures.Length);
        Assert.Same(Log, Assert.Single(read.Verify([Log])));
    }

    [Fact]
    public void Note_SecondLineOfAKnownKeyInvalid_IsRefused()
    {
        SignedNote note = Sign(Text).With(new NoteSignature(Log.Name, Log.Id, new byte[70]));

        AssertRefused(ErrorCodes.NoteSignatureInvalid, () => note.Verify([Log]));
    }

    [Fact]
    public void Note_SixteenLines_AreRead_TooManyAreRefused()
    {
        NoteSignature line = Sign(Text).Signatures[0];
        ImmutableArray<NoteSignature> most = [.. Enumerable.Repeat(line, SignedNote.MaxSignatures)];

        Assert.Equal(SignedNote.MaxSignatures, SignedNote.Parse(new SignedNote(Text, most).ToBytes()).Signatures.Length);
        byte[] more = [.. new SignedNote(Text, most).ToBytes(), .. Encoding.UTF8.GetBytes(line.ToLine() + "\n")];
        AssertRefused(ErrorCodes.NoteMalformed, () => SignedNote.Parse(more));
        AssertRefused(ErrorCodes.NoteMalformed, () => SignedNote.Parse(new byte[SignedNote.MaxBytes + 1]));
    }

    [Theory]
    [InlineData("")]
    [InlineData("text\n")]
    [InlineData("text\n\n")]
    [InlineData("text\n\n— a AAAAAAA=")]
    [InlineData("text\n— a AAAAAAA=\n")]
    [InlineData("text\n\n- a AAAAAAA=\n")]
    [InlineData("text\n\n—  AAAAAAA=\n")]
    [InlineData("text\n\n— a  AAAAAAA=\n")]
    [InlineData("text\n\n— a AAAAAAA= \n")]
    [InlineData("text\n\n— a AAAAAAA\n")]
    [InlineData("text\n\n— a AAAAAAB=\n")]
    [InlineData("text\n\n— a AAAAAA==\n")]
    [InlineData("text\n\n— a+b AAAAAAA=\n")]
    [InlineData("text\n\n— a\u00a0b AAAAAAA=\n")]
    [InlineData("text\n\n— a\u0085 AAAAAAA=\n")]
    [InlineData("te\txt\n\n— a AAAAAAA=\n")]
    [InlineData("text\r\n\n— a AAAAAAA=\n")]
    [InlineData("text\n\n— a AAAAAAA=\nmore\n")]
    [InlineData("text\n\n— a AAAAAAA=\n\n")]
    public void Note_OtherForm_IsRefused(string note)
    {
        AssertRefused(ErrorCodes.NoteMalformed, () => SignedNote.Parse(Encoding.UTF8.GetBytes(note)));
    }

    [Fact]
    public void Note_InvalidUtf8OrEmptyLinesInTheText_AreToldApart()
    {
        AssertRefused(ErrorCodes.NoteMalformed, () => SignedNote.Parse([0xff, .. "x\n\n— a AAAAAAA=\n"u8]));
        Assert.Equal("one\n\ntwo\n", SignedNote.Parse("one\n\ntwo\n\n— a AAAAAAA=\n"u8).Text);
    }

    [Theory]
    [InlineData("a+b")]
    [InlineData("name+00000000+AA==")]
    [InlineData("name+00000000+Ag==")]
    [InlineData("name+00000000+BQAA")]
    [InlineData(" +00000000+AgAA")]
    [InlineData("name+00000000+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U0=")]
    public void VKey_OtherForm_IsRefused(string vkey)
    {
        AssertRefused(ErrorCodes.KeyMalformed, () => NoteKey.Parse(vkey));
    }

    [Fact]
    public void VKey_RoundTrips_AndAgreesWithTheRostersForm()
    {
        Assert.Equal(Log.VKey, VerificationKey.Of(Key).VKey(Log.Name));
        Assert.Equal(Log.VKey, NoteKey.Parse(Log.VKey).VKey);
        AssertRefused(ErrorCodes.NoteKeyId, () => NoteKey.Parse(Log.VKey.Replace(Log.Id.ToString("x8"), (Log.Id ^ 1).ToString("x8"), StringComparison.Ordinal)));
        AssertRefused(ErrorCodes.NoteKeyId, () => NoteKey.Parse(Log.VKey.Replace(Log.Id.ToString("x8"), Log.Id.ToString("X8") + " ", StringComparison.Ordinal)));
    }

    // RFC 8032, section 7.1, tests 1 and 2.
    [Theory]
    [InlineData("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "", "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b")]
    [InlineData("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "r", "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00")]
    public void Ed25519_Rfc8032_VerifiesAndAnyBitChangedDoesNot(string key, string text, string signature)
    {
        NoteKey note = EdwardsKey(0x01, Convert.FromHexString(key));
        byte[] bytes = Convert.FromHexString(signature);

        Assert.True(note.Verify(text, bytes));
        Assert.False(note.Verify(text + "x", bytes));
        Assert.False(note.Verify(text, bytes.AsSpan(0, 63)));
        for (int bit = 0; bit < 512; bit += 7)
        {
            byte[] spoiled = [.. bytes];
            spoiled[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.False(note.Verify(text, spoiled));
        }
    }

    [Fact]
    public void Ed25519_ScalarPlusOrder_IsRefused()
    {
        byte[] signature = Convert.FromHexString("e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b");
        System.Numerics.BigInteger order = System.Numerics.BigInteger.Pow(2, 252) + System.Numerics.BigInteger.Parse("27742317777372353535851937790883648493");
        System.Numerics.BigInteger s = new System.Numerics.BigInteger(signature.AsSpan(32), isUnsigned: true) + order;
        s.TryWriteBytes(signature.AsSpan(32), out _, isUnsigned: true);

        Assert.False(EdwardsKey(0x01, Convert.FromHexString("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")).Verify("", signature));
    }

    [Theory]
    [InlineData("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f")] // y = p
    [InlineData("0200000000000000000000000000000000000000000000000000000000000000")] // no point
    [InlineData("0100000000000000000000000000000000000000000000000000000000000080")] // x = 0 with the sign set
    public void Ed25519_KeyThatIsNoPoint_VerifiesNothing(string key)
    {
        Assert.False(EdwardsKey(0x01, Convert.FromHexString(key)).Verify("r", new byte[64]));
    }

    [Fact]
    public void Cosignature_Timestamped_VerifiesWithItsTime()
    {
        // Made with the key of RFC 8032, section 7.1, test 2, by OpenSSL.
        NoteKey witness = NoteKey.Parse("witness.example/w1+04d2d833+BD1AF8PoQ4lakrcKp00bfrycmCzPLsSWjMDNVfEq9GYM");
        SignedNote note = SignedNote.Parse(Encoding.UTF8.GetBytes("fedcloud.example/log/kat\n8\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=\n\n— witness.example/w1 BNLYMwAAAABlU/EAtmJNoCsp/4j82XNgS1lvMlXBPRHLlRA1LTlEsrir2N24uYJ3ysIhBQqyp8z9V2VUkQcXa0YYvbkcJCrnHrddCQ==\n"));
        byte[] later = note.Signatures[0].Signature.ToArray();
        BinaryPrimitives.WriteInt64BigEndian(later, 1_700_000_001);

        Assert.Same(witness, Assert.Single(note.Verify([witness])));
        Assert.Equal(1_700_000_000, NoteKey.CosignedAt(note.Signatures[0].Signature.Span));
        Assert.False(witness.Verify(note.Text, later));
        later[0] = 0x80;
        Assert.Null(NoteKey.CosignedAt(later));
        Assert.Null(NoteKey.CosignedAt(later.AsSpan(1)));
    }

    [Fact]
    public void Der_AnyScalars_RoundTrip()
    {
        Prop.ForAll(Gen.Choose(0, 255).ArrayOf(64).Select(bytes => bytes.Select(b => (byte)b).ToArray()).ToArbitrary(), p1363 =>
        {
            p1363[31] |= 1;
            p1363[63] |= 1;
            return EcdsaDer.TryToP1363(EcdsaDer.FromP1363(p1363), out byte[] back) && back.AsSpan().SequenceEqual(p1363);
        }).QuickCheckThrowOnFailure();
    }

    [Theory]
    [InlineData("")]
    [InlineData("30")]
    [InlineData("3000")]
    [InlineData("3006020101020100")] // s = 0
    [InlineData("3006020181020101")] // r negative
    [InlineData("300702020001020101")] // r padded
    [InlineData("30060201010201010")] // odd digits are cut by the test
    [InlineData("300602010102010100")] // byte left over
    [InlineData("3106020101020101")] // other tag
    [InlineData("3006030101020101")]
    [InlineData("308106020101020101")] // long form of a short length
    [InlineData("3005020101020101")]
    [InlineData("30060201010202")]
    [InlineData("3027022200ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff020101")] // 33 bytes of magnitude
    public void Der_OtherForm_IsRefused(string hex)
    {
        byte[] der = Convert.FromHexString(hex[..(hex.Length / 2 * 2)]);

        Assert.Equal(hex.Length % 2 == 1, EcdsaDer.TryToP1363(der, out _));
    }

    [Theory]
    [InlineData("")]
    [InlineData("o\n1\n")]
    [InlineData("o\n01\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=\n")]
    [InlineData("o\n-1\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=\n")]
    [InlineData("o\n+1\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=\n")]
    [InlineData("o\n9223372036854775808\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=\n")]
    [InlineData("o\n1\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyh=\n")]
    [InlineData("o\n1\nXcna\n")]
    [InlineData("\n1\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=\n")]
    [InlineData("o\n1\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=\n\n")]
    [InlineData("o\n1\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=")]
    [InlineData("o\n0\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=\n")]
    public void Checkpoint_OtherForm_IsRefused(string text)
    {
        AssertRefused(ErrorCodes.CheckpointMalformed, () => Checkpoint.Parse(text));
    }

    [Fact]
    public void Checkpoint_ForeignExtensions_AreKept()
    {
        Assert.Equal("one two", string.Join(' ', Checkpoint.Parse(Text + "one\ntwo\n").Extensions));
        Assert.Equal(Text + "one\ntwo\n", Checkpoint.Parse(Text + "one\ntwo\n").ToText());
        Assert.Equal(Checkpoint.Parse(Text), Checkpoint.Parse(Text));
        Assert.NotEqual(Checkpoint.Parse(Text), Checkpoint.Parse(Text + "one\n"));
    }

    [Fact]
    public void TlogProof_ExtraData_IsKept_OtherFormsAreRefused()
    {
        string whole = AuditVectors.Read("signed_notes.json").GetProperty("tlog_proofs")[0].GetProperty("proof").GetString()!;
        string extra = whole.Replace("index 5", "extra AAEC\nindex 5", StringComparison.Ordinal);
        Assert.Equal([0, 1, 2], TlogProof.Parse(Encoding.UTF8.GetBytes(extra)).Extra!.Value.ToArray());
        Assert.Equal(extra, Encoding.UTF8.GetString(TlogProof.Parse(Encoding.UTF8.GetBytes(extra)).ToBytes()));

        string[] others =
        [
            whole.Replace("v1", "v2", StringComparison.Ordinal),
            whole.Replace("index 5", "index 05", StringComparison.Ordinal),
            whole.Replace("index 5", "index -5", StringComparison.Ordinal),
            whole.Replace("index 5\n", "", StringComparison.Ordinal),
            whole.Replace("index 5", "extra A\nindex 5", StringComparison.Ordinal),
            whole.Replace("index 5", "index 5\nindex 5", StringComparison.Ordinal),
            whole.Replace("index 5", "index 5\nextra AAEC", StringComparison.Ordinal),
            whole.Replace("vBoG", "vBo", StringComparison.Ordinal),
            whole.Replace("\n\n", "\n", StringComparison.Ordinal),
            whole.Replace("index 5\n", "index 5\n" + string.Concat(Enumerable.Repeat("vBoGQ7EuTS18d5GPROD095qDi2z57FtcKD4fTYhZnms=\n", 64)), StringComparison.Ordinal),
        ];
        Assert.All(others, text => Assert.IsType<FedCloudException>(Record.Exception(() => TlogProof.Parse(Encoding.UTF8.GetBytes(text)))));
    }

    [Fact]
    public void TlogProof_AnyByteChanged_DoesNotVerify()
    {
        JsonElement vector = AuditVectors.Read("signed_notes.json").GetProperty("tlog_proofs")[0];
        byte[] whole = Encoding.UTF8.GetBytes(vector.GetProperty("proof").GetString()!);
        byte[] entry = Convert.FromHexString(vector.GetProperty("leaf_input_hex").GetString()!);
        NoteKey key = NoteKey.Parse(vector.GetProperty("vkey").GetString()!);
        for (int i = 0; i < whole.Length; i++)
        {
            byte[] spoiled = [.. whole];
            spoiled[i] ^= 0x01;
            Assert.IsType<FedCloudException>(Record.Exception(() => TlogProof.Parse(spoiled).Verify(entry, [key])));
        }
    }

    private static string Outcome(JsonElement vector)
    {
        Exception? error = Record.Exception(() => SignedNote.Parse(Encoding.UTF8.GetBytes(vector.GetProperty("note").GetString()!)).Verify([NoteKey.Parse(vector.GetProperty("vkey").GetString()!)]));
        return (error as FedCloudException)?.Code.Name switch
        {
            null => error is null ? "ok" : error.ToString(),
            "note_key_id" => "bad key id",
            "note_signature_invalid" => "bad signature",
            "note_unsigned" => "no known signature",
            string other => other,
        };
    }

    private static SignedNote Sign(string text) => new(text, [new NoteSignature(Log.Name, Log.Id, Key.SignData(Encoding.UTF8.GetBytes(text), HashAlgorithmName.SHA256, DSASignatureFormat.Rfc3279DerSequence))]);

    private static NoteKey EdwardsKey(byte type, byte[] key)
    {
        byte[] id = SHA256.HashData([.. "foreign.example\n"u8, type, .. key]);
        return NoteKey.Parse($"foreign.example+{Convert.ToHexStringLower(id.AsSpan(0, 4))}+{Convert.ToBase64String([type, .. key])}");
    }

    private static void AssertRefused(ErrorCode code, Action act) => Assert.Equal(code, Assert.Throws<FedCloudException>(act).Code);
}
