// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Security.Cryptography;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Enrolment;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Signing;
using FedCloud.Protocol.Tests.Canonical;
using Xunit;

namespace FedCloud.Protocol.Tests.Enrolment;

public sealed class RosterChainTests
{
    private static readonly ECDsa Coordinator = NewKey();
    private static readonly ECDsa Log = NewKey();
    private static readonly Keys[] People = [.. Enumerable.Range(1, 5).Select(i => new Keys(new SiloId($"silo-{i}")))];

    [Fact]
    public void Founding_SignedByAll_Passes()
    {
        Roster roster = RosterOf(1, People[0], People[1], People[2]);

        Assert.Equal(roster.Digest(), Verify(null, roster, People[0], People[1], People[2]).Digest());
    }

    [Fact]
    public void Founding_OneSignatureMissing_IsRefused()
    {
        Roster roster = RosterOf(1, People[0], People[1], People[2]);

        AssertRefused(ErrorCodes.RosterSignaturesMissing, () => Verify(null, roster, People[0], People[1]));
    }

    [Fact]
    public void Joining_NeedsTheOldQuorumAndTheNewMember()
    {
        Roster first = RosterOf(1, People[0], People[1], People[2]);
        Roster second = RosterOf(2, People[0], People[1], People[2], People[3]);

        Verify(first, second, People[0], People[1], People[2], People[3]);
        AssertRefused(ErrorCodes.RosterSignaturesMissing, () => Verify(first, second, People[0], People[1], People[3]));
        AssertRefused(ErrorCodes.RosterSignaturesMissing, () => Verify(first, second, People[0], People[1], People[2]));
    }

    [Fact]
    public void T30_Removal_AtThreeMembers_NeedsTheTwoOthersOnly()
    {
        Roster first = RosterOf(1, People[0], People[1], People[2]);
        Roster without = RosterOf(2, People[0], People[1]);

        Verify(first, without, People[0], People[1]);
        AssertRefused(ErrorCodes.RosterSignaturesMissing, () => Verify(first, without, People[0], People[2]));
    }

    [Fact]
    public void Step_TwoRemovalsAtOnce_IsRefused()
    {
        Roster first = RosterOf(1, People[0], People[1], People[2], People[3]);

        AssertRefused(ErrorCodes.RosterInvalid, () => RosterChain.RequireStep(first, RosterOf(2, People[0], People[1])));
    }

    [Fact]
    public void Step_VersionGap_IsRefused()
    {
        Roster first = RosterOf(1, People[0], People[1]);

        AssertRefused(ErrorCodes.RosterInvalid, () => RosterChain.RequireStep(first, RosterOf(3, People[0], People[1])));
        AssertRefused(ErrorCodes.RosterInvalid, () => RosterChain.RequireStep(null, RosterOf(2, People[0], People[1])));
    }

    [Fact]
    public void Shape_OneKeyInTwoRoles_IsRefused()
    {
        Roster roster = RosterOf(1, People[0], People[1]);
        RosterMember doubled = roster.Members[0] with { AdminSpkiSha256 = roster.Members[1].IkSpkiSha256 };

        AssertRefused(ErrorCodes.RosterKeyReused, () => (roster with { Members = [doubled, roster.Members[1]] }).RequireShape());
    }

    [Fact]
    public void Step_OldKeyInANewRole_IsRefused()
    {
        Roster first = RosterOf(1, People[0], People[1], People[2]);
        Roster second = RosterOf(2, People[0], People[1], People[2], People[3]);
        RosterMember stolen = second.Members[3] with { AdminSpkiSha256 = first.Members[0].AdminSpkiSha256 };
        RosterMember moved = second.Members[0] with { AdminSpkiSha256 = second.Members[3].AdminSpkiSha256 };

        AssertRefused(ErrorCodes.RosterKeyReused, () => RosterChain.RequireStep(first, second with { Members = [moved, second.Members[1], second.Members[2], stolen] }));
    }

    [Fact]
    public void T05_Confirmation_MissingOrOther_IsRefused()
    {
        Roster roster = RosterOf(1, People[0], People[1], People[2]);
        ConfirmedMember second = ConfirmedMember.Of(roster.Members[1]);
        ConfirmedMember third = ConfirmedMember.Of(roster.Members[2]);

        RosterChain.RequireConfirmed(null, roster, People[0].Silo, [second, third]);
        AssertRefused(ErrorCodes.RosterNotConfirmed, () => RosterChain.RequireConfirmed(null, roster, People[0].Silo, [second]));
        AssertRefused(ErrorCodes.RosterNotConfirmed, () => RosterChain.RequireConfirmed(null, roster, People[0].Silo, [second, third with { IkSpkiSha256 = Sha256Digest.Zero }]));
    }

    [Fact]
    public void Join_WithoutTheAdministratorsSignature_IsRefused()
    {
        JoinBody body = People[0].Join();
        byte[] bytes = Jcs.Serialize(body, EnrolmentJson.Default.JoinBody);
        DsseEnvelope half = DsseEnvelope.Sign(EnrolmentBody.PayloadType, bytes, People[0].Identity);
        DsseEnvelope whole = half.With(DsseEnvelope.Sign(EnrolmentBody.PayloadType, bytes, People[0].Admin));

        Assert.Equal(body, JoinBody.Verify(whole));
        AssertRefused(ErrorCodes.JoinRefused, () => JoinBody.Verify(half));
    }

    [Fact]
    public void Threshold_Sizes_AreTheSpecifications()
    {
        Assert.Equal([3, 3, 5, 7, 9, 34, 134], new[] { 3, 4, 7, 10, 12, 50, 200 }.Select(Roster.Threshold));
    }

    [Fact]
    public void T22_Roster_AnyPlaceSpoiled_IsReadOrRefusedWithACode()
    {
        Roster roster = RosterOf(1, People[0], People[1]) with { Policy = ImmutableSortedDictionary<string, string>.Empty.Add("hosts", "tpm") };

        AssertRefusedOrRead(roster.ToJcs(), bytes => Roster.Parse(bytes));
    }

    [Fact]
    public void T22_Join_AnyPlaceSpoiled_IsRefusedWithACode()
    {
        byte[] join = Jcs.Serialize(People[0].Join(), EnrolmentJson.Default.JoinBody);

        AssertRefusedOrRead(join, bytes => JoinBody.Verify(DsseEnvelope.Sign(EnrolmentBody.PayloadType, bytes, People[0].Identity).With(DsseEnvelope.Sign(EnrolmentBody.PayloadType, bytes, People[0].Admin))));
    }

    private static void AssertRefusedOrRead(byte[] whole, Action<byte[]> read)
    {
        read(whole);
        int refused = 0;
        foreach (byte[] spoiled in JsonMutations.Of(whole))
        {
            byte[] bytes = spoiled;
            Exception? error = Record.Exception(() => bytes = Jcs.Canonicalize(spoiled)) ?? Record.Exception(() => read(bytes));
            if (error is not null)
            {
                Assert.True(error is FedCloudException, $"{error.GetType().Name} for {System.Text.Encoding.UTF8.GetString(spoiled)}");
                Assert.True(error.Message.Length < 500 && error.Message.All(c => c is >= ' ' and <= '~' or '…'), error.Message);
                refused++;
            }
        }

        Assert.True(refused > 90, $"only {refused} refused");
    }

    private static Roster Verify(Roster? previous, Roster next, params Keys[] signers)
    {
        DsseEnvelope envelope = new() { PayloadType = Roster.PayloadType, Payload = next.ToJcs(), Signatures = [] };
        foreach (Keys signer in signers)
        {
            envelope = envelope.With(DsseEnvelope.Sign(Roster.PayloadType, envelope.Payload, signer.Identity));
        }

        Dictionary<Sha256Digest, VerificationKey> keys = People.Select(person => VerificationKey.Of(person.Identity)).ToDictionary(key => key.Fingerprint);
        return RosterChain.Verify(previous, envelope, keys);
    }

    private static void AssertRefused(ErrorCode code, Action act) => Assert.Equal(code, Assert.Throws<FedCloudException>(act).Code);

    private static Roster RosterOf(int version, params Keys[] members) => new()
    {
        Federation = new FederationId("test-federation"),
        Version = version,
        N = members.Length,
        Members = [.. members.Select((member, i) => member.Join().ToMember(i + 1))],
        CoordinatorSpkiSha256 = [VerificationKey.Of(Coordinator).Fingerprint],
        LogVkey = VerificationKey.Of(Log).VKey("log"),
        Policy = ImmutableSortedDictionary<string, string>.Empty,
    };

    private static ECDsa NewKey() => ECDsa.Create(ECCurve.NamedCurves.nistP256);

    private sealed class Keys(SiloId silo)
    {
        public SiloId Silo { get; } = silo;

        public ECDsa Identity { get; } = NewKey();

        public ECDsa Witness { get; } = NewKey();

        public ECDsa Admin { get; } = NewKey();

        public JoinBody Join() => new()
        {
            Type = EnrolmentBody.Join,
            Federation = new FederationId("test-federation"),
            SiloId = Silo,
            IkSpki = VerificationKey.Of(Identity).ToBase64(),
            WitnessVkey = VerificationKey.Of(Witness).VKey(Silo.Value),
            AdminSpki = VerificationKey.Of(Admin).ToBase64(),
            DataCardSha256 = Sha256Digest.Zero,
        };
    }
}
