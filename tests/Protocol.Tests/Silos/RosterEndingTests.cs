// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Text;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Enrolment;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Silos;
using Xunit;
using static FedCloud.Protocol.Tests.Silos.SecureStory;
using static FedCloud.Protocol.Tests.Silos.SiloStory;

namespace FedCloud.Protocol.Tests.Silos;

/// <summary>What a newer roster means for the epochs that a silo holds.</summary>
public sealed class RosterEndingTests
{
    private static readonly Roster First = RosterOf(1, "a", "b", "c", "d");
    private static readonly Roster Grown = RosterOf(2, "a", "b", "c", "d", "e");
    private static readonly Roster LogKeyChanged = First with { Version = 2, LogVkey = "log2" };
    private static readonly Roster CoordinatorChanged = Grown with { CoordinatorSpkiSha256 = [Hash("another coordinator")] };
    private static readonly Roster Left = RosterOf(2, "a", "b", "c");
    private static readonly Roster KeyChanged = First with { Version = 2, Members = First.Members.SetItem(1, First.Members[1] with { WitnessVkey = "another" }) };

    public static TheoryData<Roster, bool> Followers => new()
    {
        { Grown, true },
        { LogKeyChanged, true },
        { CoordinatorChanged, false },
        { Left, false },
        { KeyChanged, false },
    };

    [Theory]
    [MemberData(nameof(Followers), DisableDiscoveryEnumeration = true)]
    public void RosterEnding_NextRoster_SaysWhetherItOnlyGrew(Roster next, bool onlyGrew) =>
        Assert.Equal(new RosterFollowed(Now, next.Digest(), onlyGrew), SiloMachine.RosterEnding(Holding(First), [First, next], Now));

    [Fact]
    public void RosterEnding_NothingToEnd_IsNull()
    {
        Assert.Null(SiloMachine.RosterEnding(Holding(First), [First], Now));
        Assert.Null(SiloMachine.RosterEnding(Holding(First), [], Now));
        Assert.Null(SiloMachine.RosterEnding(Silo().State, [First, Left], Now));
    }

    [Fact]
    public void RosterEnding_OfARosterThatIsNotKnown_DidNotOnlyGrow() =>
        Assert.False(SiloMachine.RosterEnding(Holding(First), [Grown], Now)!.OnlyGrew);

    [Fact]
    public void RosterEnding_AnEpochThatAlreadyCloses_EndsWhenSomebodyLeaves()
    {
        SiloState closing = Holding(First);
        closing = closing with { Epochs = closing.Epochs.SetItem(1, closing.Epochs[1] with { IsClosing = true }) };
        Roster left = RosterOf(3, "a", "b", "c", "e");

        Assert.Null(SiloMachine.RosterEnding(closing, [First, Grown], Now));
        RosterFollowed followed = SiloMachine.RosterEnding(closing, [First, Grown, left], Now)!;

        Assert.False(followed.OnlyGrew);
        Assert.Contains(SiloMachine.Step(closing, followed).Effects, effect => effect is EraseEpoch);
    }

    private static SiloState Holding(Roster roster) => Silo().Then(Called(1, Encoding.ASCII.GetString(roster.ToJcs()))).State;

    private static Roster RosterOf(int version, params string[] silos) => new()
    {
        Federation = new FederationId("test-federation"),
        Version = version,
        N = silos.Length,
        Members = [.. silos.Select((silo, i) => new RosterMember { Idx = i + 1, SiloId = new SiloId("silo-" + silo), IkSpkiSha256 = Hash(silo), WitnessVkey = silo, AdminSpkiSha256 = Hash("admin of " + silo) })],
        CoordinatorSpkiSha256 = [Hash("coordinator")],
        LogVkey = "log",
        Policy = ImmutableSortedDictionary<string, string>.Empty,
    };
}
