// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.PlainMode;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace FedCloud.Protocol.Tests.Canonical;

public sealed class JcsTests
{
    [Theory]
    [InlineData("{ \"b\" : 1, \"a\" : [true, null, \"x\"] }", "{\"a\":[true,null,\"x\"],\"b\":1}")]
    [InlineData("{\"\\u20ac\":1,\"\\r\":2,\"1\":3}", "{\"\\r\":2,\"1\":3,\"€\":1}")]
    [InlineData("\"\\u000f\\n\\\"\\\\\\/é\"", "\"\\u000f\\n\\\"\\\\/é\"")]
    [InlineData("-0", "0")]
    public void Canonicalize_Json_GivesRfc8785(string json, string expected)
    {
        byte[] canonical = Jcs.Canonicalize(Encoding.UTF8.GetBytes(json));

        Assert.Equal(expected, Encoding.UTF8.GetString(canonical));
    }

    [Theory]
    [InlineData("{\"a\":1,\"a\":2}")]
    [InlineData("1.5")]
    [InlineData("1.0")]
    [InlineData("1e3")]
    [InlineData("9007199254740992")]
    [InlineData("\"\\ud800\"")]
    [InlineData("{")]
    [InlineData("[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]")]
    public void T22_Canonicalize_Ambiguous_IsRefused(string json)
    {
        FedCloudException error = Assert.Throws<FedCloudException>(() => Jcs.Canonicalize(Encoding.UTF8.GetBytes(json)));

        Assert.Equal(ErrorCodes.JsonNotCanonical, error.Code);
    }

    [Theory]
    [InlineData("{\"type\":\"plain_abandoned\",\"rid\":\"{0}\"}")]
    public void T22_Parse_MissingMember_IsRefused(string template)
    {
        byte[] json = Jcs.Canonicalize(Encoding.UTF8.GetBytes(template.Replace("{0}", new string('a', 64), StringComparison.Ordinal)));

        FedCloudException error = Assert.Throws<FedCloudException>(() => Jcs.Parse(json, PlainBodyJson.Default.PlainAbandonedBody, "body"));

        Assert.Equal(ErrorCodes.BodyMalformed, error.Code);
    }

    [Fact]
    public void T22_Parse_OtherSpellingOfSameBody_IsRefused()
    {
        PlainAbandonedBody body = new() { Type = "plain_abandoned", Rid = Sha256Digest.Zero, Job = new("run-1"), Round = 3, Reason = "quorum_not_met" };
        string canonical = Encoding.UTF8.GetString(Jcs.Serialize(body, PlainBodyJson.Default.PlainAbandonedBody));
        string[] variants =
        [
            " " + canonical,
            canonical.Replace("\"round\":3", "\"round\":3.0", StringComparison.Ordinal),
            canonical.Replace("run-1", "\\u0072un-1", StringComparison.Ordinal),
            canonical.Replace("{\"job\":\"run-1\",", "{", StringComparison.Ordinal).Replace("\"type\"", "\"job\":\"run-1\",\"type\"", StringComparison.Ordinal),
            canonical.Replace("}", ",\"zzz\":1}", StringComparison.Ordinal),
        ];

        Assert.Equal(body, Jcs.Parse(Encoding.UTF8.GetBytes(canonical), PlainBodyJson.Default.PlainAbandonedBody, "body"));
        Assert.All(variants, variant => Assert.Throws<FedCloudException>(() => Jcs.Parse(Encoding.UTF8.GetBytes(variant), PlainBodyJson.Default.PlainAbandonedBody, "body")));
    }

    [Fact]
    public void Canonicalize_Twice_IsTheSame()
    {
        Arbitrary<string> texts = ArbMap.Default.ArbFor<NonNull<string>>().Generator.Select(text => text.Get).ToArbitrary();
        Prop.ForAll(texts, text =>
        {
            if (text.EnumerateRunes().Any(rune => rune == Rune.ReplacementChar))
            {
                return true; // a lone surrogate, refused elsewhere
            }

            byte[] once = Jcs.Canonicalize(System.Text.Json.JsonSerializer.SerializeToUtf8Bytes(new Dictionary<string, string>(StringComparer.Ordinal) { [text] = text }));
            return once.AsSpan().SequenceEqual(Jcs.Canonicalize(once));
        }).QuickCheckThrowOnFailure();
    }
}
