// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.SecureAggregation;
using FedCloud.Protocol.Signing;
using FedCloud.Protocol.Tests.Canonical;
using Xunit;

namespace FedCloud.Protocol.Tests.SecureAggregation;

public sealed class SecureAggregationBodyTests
{
    private static readonly Sha256Digest Digest = Sha256Digest.Of("x"u8);
    private static readonly P256Point Point = AgreementKey.FromScalar([.. new byte[31], 1]).Public;
    private static readonly RevealedShare Share = RevealedShare.Of([.. Enumerable.Repeat((byte)0x5A, 32)]);
    private static readonly ImmutableSortedDictionary<int, Sha256Digest> Digests = ImmutableSortedDictionary<int, Sha256Digest>.Empty.Add(2, Digest).Add(10, Digest);

    [Fact]
    public void T22_Bodies_SpoiledInAnyPlace_AreRefusedOrMeanTheSame()
    {
        Spoil(new AdvertiseBody { Sid = Digest, Idx = 3, CPk = Point, SPk = [Point], BCom = [Digest] });
        Spoil(new SharesBody { Sid = Digest, Idx = 3, L1 = Digest, Ct = Digests, Com = Digests.Add(3, Digest) });
        Spoil(new ShareAckBody { Sid = Digest, Idx = 3, L1 = Digest, U2Sha256 = Digest });
        Spoil(new ComplaintBody { Sid = Digest, Idx = 3, Against = 4, Reason = "shares_mismatch" });
        Spoil(new RoundStartBody { Sid = Digest, Slot = 1, Job = new RunId("run-1"), Round = 2, Rid = Digest, ModelSha256 = Digest, ConfigSha256 = Digest, D = 10, K = 24, Deadline = 99, AckSha256 = Digest });
        Spoil(new MaskedBody { Rid = Digest, Idx = 3, YSha256 = Digest, YLen = 40, LedgerHead = Digest, JournalHead = Digest });
        Spoil(new U3ListBody { Rid = Digest, Members = [new U3Member(3, Digest), new U3Member(10, Digest)], U3Sha256 = Digest });
        Spoil(new ConsistencyBody { Rid = Digest, Idx = 3, U3Sha256 = Digest });
        Spoil(new UnmaskBody { Rid = Digest, Idx = 3, U3Sha256 = Digest, S = ImmutableSortedDictionary<int, RevealedShare>.Empty.Add(2, Share), B = ImmutableSortedDictionary<int, RevealedShare>.Empty.Add(3, Share).Add(10, Share) });
        Spoil(new ResultBody { Rid = Digest, U3Sha256 = Digest, SeedsSha256 = Digest, AggregateSha256 = Digest, NewModelSha256 = Digest });
        Spoil(new BurnedBody { Job = new RunId("run-1"), Round = 2, Rid = Digest, Idx = 3 });
        Spoil(new RollbackBody { Job = new RunId("run-1"), Round = 2, ModelSha256 = Digest, Idx = 3 });
    }

    [Theory]
    [InlineData("advertise", "sid idx c_pk s_pk b_com")]
    [InlineData("shares", "sid idx l1 ct com")]
    [InlineData("share_ack", "sid idx l1 u2_sha256")]
    [InlineData("complaint", "sid idx against reason")]
    [InlineData("round_start", "sid slot job round rid model_sha256 config_sha256 d k deadline ack_sha256")]
    [InlineData("masked", "rid idx y_sha256 y_len ledger_head journal_head")]
    [InlineData("u3_list", "rid members u3_sha256")]
    [InlineData("consistency", "rid idx u3_sha256")]
    [InlineData("unmask", "rid idx u3_sha256 s b")]
    [InlineData("result", "rid u3_sha256 seeds_sha256 aggregate_sha256 new_model_sha256")]
    [InlineData("burned", "job round rid idx")]
    [InlineData("rollback", "job round model_sha256 idx")]
    public void Members_OfEachBody_AreTheSpecifications(string type, string members)
    {
        string[] expected = [.. members.Split(' ').Append("type").Order(StringComparer.Ordinal)];
        Type body = typeof(AdvertiseBody).Assembly.GetTypes().Single(candidate => candidate.IsClass && candidate.GetProperty("Name")?.GetMethod is { IsStatic: true } name && Equals(name.Invoke(null, null), type));
        System.Text.Json.Serialization.Metadata.JsonTypeInfo json = SecureAggregationJson.Default.GetTypeInfo(body)!;

        Assert.Equal(expected, json.Properties.Select(property => property.Name).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Parse_TypeMissingOrOther_IsRefused()
    {
        string text = Encoding.UTF8.GetString(SecureAggregationBody.Encode(new ConsistencyBody { Rid = Digest, Idx = 3, U3Sha256 = Digest }));

        Assert.Equal(ErrorCodes.BodyMalformed, Refused<ConsistencyBody>(text.Replace("\"type\":\"consistency\",", "")));
        Assert.Equal(ErrorCodes.BodyMalformed, Refused<ConsistencyBody>(text.Replace("consistency", "Consistency")));
        Assert.Equal(ErrorCodes.BodyMalformed, Refused<ShareAckBody>(text));
    }

    [Fact]
    public void T22_Parse_MapKeyInAnotherSpelling_IsRefused()
    {
        string text = Encoding.UTF8.GetString(SecureAggregationBody.Encode(new UnmaskBody
        {
            Rid = Digest,
            Idx = 3,
            U3Sha256 = Digest,
            S = ImmutableSortedDictionary<int, RevealedShare>.Empty,
            B = ImmutableSortedDictionary<int, RevealedShare>.Empty.Add(2, Share).Add(10, Share),
        }));

        Assert.Contains("\"b\":{\"10\":", text, StringComparison.Ordinal); // sorted as text
        Assert.All((string[])["02", "+2", "2.0", " 2", "256", "0", "x"], key => Assert.Throws<FedCloudException>(() => Parsed(key)));
        Assert.Equal(2, Parsed("2").B.Count);

        UnmaskBody Parsed(string key) => SecureAggregationBody.Parse<UnmaskBody>(Jcs.Canonicalize(Encoding.UTF8.GetBytes(text.Replace("\"2\":", "\"" + key + "\":"))));
    }

    [Fact]
    public void T05_Parse_PointOffTheCurve_IsRefused()
    {
        string text = Encoding.UTF8.GetString(SecureAggregationBody.Encode(new AdvertiseBody { Sid = Digest, Idx = 3, CPk = Point, SPk = [Point], BCom = [Digest] }));
        string hex = Point.Hex;

        Assert.All((string[])[hex[..^1] + (hex[^1] == '0' ? '1' : '0'), "00", "04" + new string('0', 128), new string('0', 130), hex.ToUpperInvariant(), hex[..^2]], other =>
            Assert.NotNull(Refused<AdvertiseBody>(text.Replace("\"c_pk\":\"" + hex, "\"c_pk\":\"" + other))));
    }

    [Fact]
    public void Parse_NullInAList_IsMalformed()
    {
        string advertise = Encoding.UTF8.GetString(SecureAggregationBody.Encode(new AdvertiseBody { Sid = Digest, Idx = 3, CPk = Point, SPk = [Point], BCom = [Digest] }));
        string list = Encoding.UTF8.GetString(SecureAggregationBody.Encode(new U3ListBody { Rid = Digest, Members = [], U3Sha256 = Digest }));

        Assert.Equal(ErrorCodes.BodyMalformed, Refused<AdvertiseBody>(advertise.Replace($"\"s_pk\":[\"{Point.Hex}\"]", "\"s_pk\":[null]")));
        Assert.Equal(ErrorCodes.BodyMalformed, Refused<U3ListBody>(list.Replace("\"members\":[]", "\"members\":[null]")));
    }

    [Fact]
    public void Advertise_OfTheTranscripts_IsByteIdentical()
    {
        foreach (JsonNode? silo in Vectors.Transcripts().SelectMany(transcript => transcript!["silos"]!.AsObject().Select(pair => pair.Value)))
        {
            byte[] text = Encoding.UTF8.GetBytes(silo!["advertise_jcs"]!.GetValue<string>());

            Assert.Equal(text, SecureAggregationBody.Encode(SecureAggregationBody.Parse<AdvertiseBody>(text)));
        }
    }

    [Fact]
    public void T13_Open_OtherPayloadTypeOrSigner_IsRefused()
    {
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using ECDsa other = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        ConsistencyBody body = new() { Rid = Digest, Idx = 3, U3Sha256 = Digest };
        byte[] bytes = SecureAggregationBody.Encode(body);

        Assert.Equal(body, SecureAggregationBody.Open<ConsistencyBody>(SecureAggregationBody.Sign(body, key), VerificationKey.Of(key)));
        Assert.Equal(ErrorCodes.SignatureInvalid, Code(() => SecureAggregationBody.Open<ConsistencyBody>(SecureAggregationBody.Sign(body, key), VerificationKey.Of(other))));
        Assert.Equal(ErrorCodes.SignatureInvalid, Code(() => SecureAggregationBody.Open<ConsistencyBody>(DsseEnvelope.Sign("application/vnd.fedcloud.plain+json", bytes, key), VerificationKey.Of(key))));
    }

    [Fact]
    public void T24_RevealedShare_AsText_ShowsNoDigits()
    {
        Assert.DoesNotContain(Share.Hex, $"{Share} {new UnmaskBody { Rid = Digest, Idx = 3, U3Sha256 = Digest, S = ImmutableSortedDictionary<int, RevealedShare>.Empty, B = ImmutableSortedDictionary<int, RevealedShare>.Empty.Add(2, Share) }}", StringComparison.Ordinal);
    }

    // A spoiled body is refused with one of our codes, or it is another valid body; nothing else happens.
    private static void Spoil<T>(T body)
        where T : class, ISecureAggregationBody<T>
    {
        byte[] right = SecureAggregationBody.Encode(body);
        Assert.Equal(right, SecureAggregationBody.Encode(SecureAggregationBody.Parse<T>(right)));
        int refused = 0;
        foreach (byte[] spoiled in JsonMutations.Of(right))
        {
            try
            {
                byte[] canonical = Jcs.Canonicalize(spoiled);
                Assert.Equal(canonical, SecureAggregationBody.Encode(SecureAggregationBody.Parse<T>(canonical)));
            }
            catch (FedCloudException error)
            {
                Assert.Contains(error.Code, (ErrorCode[])[ErrorCodes.JsonNotCanonical, ErrorCodes.BodyMalformed]);
                refused++;
            }
        }

        Assert.True(refused > 40, $"{T.Name}: only {refused} spoiled bodies were refused");
    }

    private static ErrorCode Refused<T>(string text)
        where T : class, ISecureAggregationBody<T> => Code(() => SecureAggregationBody.Parse<T>(Jcs.Canonicalize(Encoding.UTF8.GetBytes(text))));

    private static ErrorCode Code(Action act) => Assert.Throws<FedCloudException>(act).Code;
}
