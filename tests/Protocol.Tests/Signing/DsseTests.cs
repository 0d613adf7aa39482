// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Numerics;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Messages;
using FedCloud.Protocol.Signing;
using Xunit;

namespace FedCloud.Protocol.Tests.Signing;

public sealed class DsseTests
{
    private static readonly ECDsa Key = ECDsa.Create(ECCurve.NamedCurves.nistP256);

    [Fact]
    public void Pae_Example_IsTheSpecifications()
    {
        // DSSE protocol.md, "Test Vectors".
        byte[] pae = Dsse.Pae("http://example.com/HelloWorld", "hello world"u8);

        Assert.Equal("DSSEv1 29 http://example.com/HelloWorld 11 hello world", Encoding.ASCII.GetString(pae));
    }

    [Fact]
    public void T13_Envelope_AnyFieldChanged_DoesNotVerify()
    {
        VerificationKey key = VerificationKey.Of(Key);
        DsseEnvelope envelope = DsseEnvelope.Sign("application/test", "body"u8.ToArray(), Key);
        byte[] sig = [.. envelope.Signatures[0].Sig];
        sig[40] ^= 1;

        Assert.True(envelope.IsSignedBy(key));
        Assert.False((envelope with { PayloadType = "application/tesu" }).IsSignedBy(key));
        Assert.False((envelope with { Payload = "bodz"u8.ToArray() }).IsSignedBy(key));
        Assert.False((envelope with { Signatures = [envelope.Signatures[0] with { Sig = sig }] }).IsSignedBy(key));
        Assert.False((envelope with { Signatures = [envelope.Signatures[0] with { KeyId = new string('0', 64) }] }).IsSignedBy(key));
        Assert.False(envelope.IsSignedBy(VerificationKey.Of(ECDsa.Create(ECCurve.NamedCurves.nistP256))));
    }

    [Fact]
    public void T34_Envelope_OtherSignatureBytes_IsTheSameMessage()
    {
        BigInteger order = BigInteger.Parse("115792089210356248762697446949407573529996955224135760342422259061068512044369");
        DsseEnvelope envelope = DsseEnvelope.Sign("application/test", "body"u8.ToArray(), Key);
        byte[] other = [.. envelope.Signatures[0].Sig];
        BigInteger s = new(other.AsSpan(32), isUnsigned: true, isBigEndian: true);
        byte[] flipped = (order - s).ToByteArray(isUnsigned: true, isBigEndian: true);
        other.AsSpan(32).Clear();
        flipped.CopyTo(other.AsSpan(64 - flipped.Length));
        DsseEnvelope again = envelope with { Signatures = [envelope.Signatures[0] with { Sig = other }] };

        Assert.True(again.IsSignedBy(VerificationKey.Of(Key)));
        Assert.Equal(envelope.Identity, again.Identity);
    }

    [Fact]
    public void Envelope_Json_RoundTrips()
    {
        DsseEnvelope envelope = DsseEnvelope.Sign("application/test", "body"u8.ToArray(), Key);

        string json = JsonSerializer.Serialize(envelope, FrameJson.Default.DsseEnvelope);
        DsseEnvelope read = JsonSerializer.Deserialize(json, FrameJson.Default.DsseEnvelope)!;

        Assert.Contains("\"payloadType\"", json, StringComparison.Ordinal);
        Assert.Contains("\"keyid\"", json, StringComparison.Ordinal);
        Assert.True(read.IsSignedBy(VerificationKey.Of(Key)));
    }

    [Fact]
    public void VerificationKey_VKey_RoundTripsAndChecksItsId()
    {
        VerificationKey key = VerificationKey.Of(Key);
        string vkey = key.VKey("silo-1");
        string wrongId = vkey[..7] + (vkey[7] == '0' ? '1' : '0') + vkey[8..];

        Assert.Equal(key.Fingerprint, VerificationKey.FromVKey(vkey).Fingerprint);
        Assert.Throws<FedCloudException>(() => VerificationKey.FromVKey(wrongId));
    }

    [Fact]
    public void VerificationKey_PointOffTheCurve_IsRefused()
    {
        byte[] spki = Key.ExportSubjectPublicKeyInfo();
        spki[^1] ^= 1;

        FedCloudException error = Assert.Throws<FedCloudException>(() => VerificationKey.FromSpki(spki));

        Assert.Equal(ErrorCodes.KeyMalformed, error.Code);
    }
}
