// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Globalization;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.PlainMode;
using FedCloud.Protocol.Rounds;
using FedCloud.Protocol.SecureAggregation;
using FedCloud.Protocol.Silos;
using static FedCloud.Protocol.Tests.Silos.SiloStory;

namespace FedCloud.Protocol.Tests.Silos;

/// <summary>What silo 1 of four hears of epochs and of rounds under secure aggregation.</summary>
internal static class SecureStory
{
    public static readonly RunId Second = new("run-2");

    // The base point of P-256; the machine does not look into keys.
    private static readonly P256Point Point = P256Point.FromEncoded(Convert.FromHexString(
        "046b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c2964fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"));

    public static EpochParams Parameters(long epoch, string roster = "roster", int slots = 8) =>
        EpochParams.Create(new FederationId("test-federation"), epoch, Hash(roster), 4, slots);

    public static Sha256Digest Sid(long epoch, string roster = "roster") => Parameters(epoch, roster).Sid();

    public static EpochCalled Called(long epoch, string roster = "roster") => new(Now, Parameters(epoch, roster), 1);

    public static EpochKeysMade Keys(long epoch, string seed = "seed") =>
        new(Now, Sid(epoch), new AdvertiseBody { Sid = Sid(epoch), Idx = 1, CPk = Point, SPk = [Point], BCom = [Hash(seed)] });

    public static ListReceived List(long epoch, string list = "list") => new(Now, Sid(epoch), Hash(list));

    public static SharesDealt Dealt(long epoch, string list = "list") => new(Now, Sid(epoch), new SharesBody
    {
        Sid = Sid(epoch),
        Idx = 1,
        L1 = Hash(list),
        Ct = ImmutableSortedDictionary<int, Sha256Digest>.Empty.Add(2, Hash("ciphertext")),
        Com = ImmutableSortedDictionary<int, Sha256Digest>.Empty.Add(1, Hash("slice")).Add(2, Hash("slice")),
    });

    public static SharesAccepted Accepted(long epoch, string cohort = "cohort") =>
        new(Now, Sid(epoch), [1, 2, 3, 4], new ShareAckBody { Sid = Sid(epoch), Idx = 1, L1 = Hash("list"), U2Sha256 = Hash(cohort) });

    public static SharesRefused Refusal(long epoch) =>
        new(Now, Sid(epoch), new ComplaintBody { Sid = Sid(epoch), Idx = 1, Against = 2, Reason = "share_invalid" });

    public static RoundOpening Opening(int round, int slot, long epoch = 1, RunId? job = null, int version = 0, string model = "", string roster = "roster", string plan = "") => new()
    {
        Job = job ?? Job,
        Round = round,
        ConfigSha256 = Hash(plan.Length > 0 ? plan : "plan"),
        ModelVersion = version,
        ModelSha256 = Hash(model.Length > 0 ? model : string.Create(CultureInfo.InvariantCulture, $"v{version}")),
        Exchanged = "b",
        UpdateLen = 0,
        Cohort = [1, 2, 3, 4],
        Deadline = Now.ToUnixTimeSeconds() + 60,
        Slot = new RoundSlot { Sid = Sid(epoch), RosterSha256 = Hash(roster), Silos = 4, Slot = slot, D = 10, K = 32, AckSha256 = Hash("acks") },
    };

    /// <summary>As section 4 has it: a hash over everything that makes the round what it is.</summary>
    public static Sha256Digest Rid(RoundOpening start) => Hash(string.Create(
        CultureInfo.InvariantCulture,
        $"{start.Slot!.Sid.Hex} {start.Slot.Slot} {start.Job} {start.Round} {start.ModelSha256.Hex} {start.ConfigSha256.Hex}"));

    public static StartReceived Started(RoundOpening start, CommittedVersion? previous = null, bool isPublic = false, params (RoundOpening Of, int[] By)[] burned) => new(
        Now,
        start,
        Rid(start),
        1,
        previous,
        Refusal: null,
        burned.ToImmutableSortedDictionary(slot => Rid(slot.Of).Hex, slot => slot.By.ToImmutableArray(), StringComparer.Ordinal),
        isPublic);

    public static TrainingFinished Trained(RoundOpening start) => new(Now, start.Job, Rid(start), Hash("update"), 0, 3, NoFigures.Add("loss", "1"));

    public static TrainingFailed Failed(RoundOpening start) => new(Now, start.Job, Rid(start), "file_missing");

    public static RoundWitnessed Witnessed(RoundOpening start) => new(Now, start.Job, Rid(start), 7);

    public static UpdateMasked Vector(RoundOpening start, string vector = "y") => new(Now, start.Job, new MaskedBody
    {
        Rid = Rid(start),
        Idx = 1,
        YSha256 = Hash(vector),
        YLen = 40,
        LedgerHead = Sha256Digest.Zero,
        JournalHead = Hash("head"),
    });

    public static UpdateUploaded Up(RoundOpening start) => new(Now, start.Job, Rid(start), 0);

    public static U3Shown U3(RoundOpening start, string list = "u3") => new(Now, start.Job, Rid(start), Hash(list), Hash("body of " + list));

    public static AgreementShown Agreement(RoundOpening start, string list = "u3") => new(Now, start.Job, Rid(start), Hash(list));

    public static VersionReceived Committed(RoundOpening start) => new(Now, Version(start));

    public static CommittedVersion Version(RoundOpening start) =>
        new(start.Job, start.Round, new ModelReference(start.ModelVersion + 1, Hash(string.Create(CultureInfo.InvariantCulture, $"v{start.ModelVersion + 1}"))));

    public static AbandonedReceived Abandoned(RoundOpening start) =>
        new(Now, new PlainAbandonedBody { Type = PlainBody.Abandoned, Rid = Rid(start), Job = start.Job, Round = start.Round, Reason = "quorum_not_met" });

    public static EndedReceived Ended(RunId job, string outcome) => new(Now, SiloStory.Ended(outcome) with { Job = job }, EvaluationWanted: false);

    public static SiloDeadlineReached Late(RoundOpening start) => new(Now.AddSeconds(60), start.Job, Rid(start));

    /// <summary>Two approved runs of the same plan under secure aggregation.</summary>
    public static SiloStory Silo() => new SiloStory().Then(
        new OfferReceived(Now, Offer(), 1, null, IsSecure: true),
        new OfferReceived(Now, Offer() with { Job = Second }, 1, null, IsSecure: true));

    /// <summary>An epoch becomes usable.</summary>
    public static SiloStory Usable(this SiloStory story, long epoch = 1) =>
        story.Then(Called(epoch), Keys(epoch), List(epoch), Dealt(epoch), Accepted(epoch));

    /// <summary>A round comes as far as a phase: training, held, masking, uploading, announced, agreed or revealed.</summary>
    public static SiloStory Upto(this SiloStory story, string phase, RoundOpening start)
    {
        SiloEvent[] events = [Started(start), Trained(start), Witnessed(start), Vector(start), Up(start), U3(start), Agreement(start)];
        int count = Array.IndexOf(["training", "held", "masking", "uploading", "announced", "agreed", "revealed"], phase) + 1;
        return story.Then(events.AsSpan(0, count));
    }

    /// <summary>A silo with a usable epoch, and a round that has come as far as a phase.</summary>
    public static SiloStory At(string phase, RoundOpening start) => Silo().Usable().Upto(phase, start);

    public static SiloSlot Slot(this SiloStory story, RoundOpening start) => SiloMachine.FindSlot(story.State, Rid(start))!.Value.Record;

    public static SiloEpoch? Epoch(this SiloStory story, long epoch = 1) => SiloMachine.FindEpoch(story.State, Sid(epoch));
}
