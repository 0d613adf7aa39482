// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Security.Cryptography;
using System.Text;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Messages;
using FedCloud.Protocol.Signing;
using FedCloud.Protocol.Tests.Canonical;
using Xunit;

namespace FedCloud.Protocol.Tests.Messages;

public sealed class FrameTests
{
    [Fact]
    public void Frame_Json_RoundTrips()
    {
        Frame frame = Example();

        Frame read = Frame.FromJson(frame.ToJson());

        Assert.Equal(frame.Id, read.Id);
        Assert.Equal(frame.Blobs[0], read.Blobs[0]);
    }

    [Fact]
    public void Frame_NewerVersion_SaysSo()
    {
        byte[] json = Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(Example().ToJson()).Replace("\"v\":1", "\"v\":2,\"new\":true", StringComparison.Ordinal));

        FedCloudException error = Assert.Throws<FedCloudException>(() => Frame.FromJson(json));

        Assert.Equal(ErrorCodes.MessageVersion, error.Code);
        Assert.Contains("newer", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("garbage")]
    [InlineData("{\"v\":1}")]
    [InlineData("{\"v\":1,\"zzz\":2}")]
    [InlineData("null")]
    [InlineData("[]")]
    public void Frame_Garbage_IsRefused(string json)
    {
        FedCloudException error = Assert.Throws<FedCloudException>(() => Frame.FromJson(Encoding.UTF8.GetBytes(json)));

        Assert.Equal(ErrorCodes.MessageMalformed, error.Code);
    }

    [Fact]
    public void T19_Frame_TooLarge_IsRefused()
    {
        FedCloudException error = Assert.Throws<FedCloudException>(() => Frame.FromJson(new byte[Frame.MaxBytes + 1]));

        Assert.Equal(ErrorCodes.MessageTooLarge, error.Code);
    }

    [Theory]
    [InlineData("../x")]
    [InlineData("a/../b")]
    [InlineData("%2e%2e/x")]
    [InlineData("a\0b")]
    [InlineData("a\\b")]
    [InlineData("/a")]
    [InlineData("a//b")]
    [InlineData("a/")]
    [InlineData("А")]
    [InlineData("A")]
    [InlineData("")]
    public void T20_BlobName_Attack_IsRefused(string name)
    {
        Assert.False(BlobNames.IsBlob(name));
        Assert.False(BlobNames.IsBlob(new string('a', 201)));
        Assert.True(BlobNames.IsBlob("run-1/r000001/a0"));
    }

    [Theory]
    [InlineData("ab")]
    [InlineData("-abc")]
    [InlineData("abc-")]
    [InlineData("a--b")]
    [InlineData("ABC")]
    [InlineData("a_b")]
    [InlineData("аbc")]
    public void T20_Identifier_Attack_IsRefused(string id)
    {
        Assert.False(Identifier.IsValid(id));
        Assert.Throws<FedCloudException>(() => SiloId.Parse(id));
    }

    [Fact]
    public void T13_Frame_AnyPlaceSpoiled_IsReadOrRefusedWithACode()
    {
        byte[] whole = Whole().ToJson();
        int refused = 0;

        foreach (byte[] spoiled in JsonMutations.Of(whole))
        {
            Exception? error = Record.Exception(() => Frame.FromJson(spoiled));
            if (error is not null)
            {
                Assert.True(error is FedCloudException, $"{error.GetType().Name} for {Encoding.UTF8.GetString(spoiled)}");
                Assert.True(error.Message.Length < 500 && error.Message.All(c => c is >= ' ' and <= '~' or '…'), error.Message);
                refused++;
            }
        }

        Assert.True(refused > 300, $"only {refused} refused");
    }

    private static Frame Whole()
    {
        using ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        return Example() with
        {
            Trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            Envelopes = [DsseEnvelope.Sign("application/test", "{}"u8.ToArray(), key)],
        };
    }

    private static Frame Example() => new()
    {
        V = 1,
        Id = MessageId.Of(0, new byte[MessageId.RandomBytes]),
        To = "coordinator",
        Run = new RunId("run-1"),
        Round = 2,
        Type = "plain_update",
        Trace = null,
        Envelopes = [],
        Blobs = [new FrameBlob { Role = "update", Container = "up-silo-1", Name = "run-1/r000002/a0", Length = 5, Sha256 = Sha256Digest.Zero }],
    };
}
