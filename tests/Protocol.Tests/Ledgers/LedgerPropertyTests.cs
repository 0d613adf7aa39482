// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Ledgers;
using FedCloud.Protocol.Privacy;
using FsCheck;
using FsCheck.Fluent;
using Xunit;
using static FedCloud.Protocol.Tests.Ledgers.LedgerStory;

namespace FedCloud.Protocol.Tests.Ledgers;

/// <summary>What holds of a ledger whatever it is asked for, in whatever order.</summary>
public sealed class LedgerPropertyTests
{
    private static readonly string[] Jobs = ["run-1", "run-2", "run-3"];

    [Fact]
    public void AnyRequests_KeepTheRules() => ForAll(200, seed =>
    {
        Random random = new(seed);
        LedgerState state = Fresh();
        for (int i = 0; i < 60; i++)
        {
            Func<LedgerState, LedgerStep> request = Any(random);
            LedgerStep step = request(state);
            Watch(state, step);
            LedgerStep again = request(step.State);
            Assert.True(again.Entries.IsEmpty, "a duplicate wrote an entry");
            Assert.Equal(step.Refusal, again.Refusal);
            state = step.State;
        }
    });

    [Fact]
    public void AnyRequests_ReplayedFromTheirLines_GiveTheSameState() => ForAll(100, seed =>
    {
        (LedgerState state, ImmutableArray<LedgerEntry> entries) = History(seed, 60);

        Assert.Equal(Describe(state), Describe(Read(Fresh(), Lines(entries))));
    });

    [Fact]
    public void Spent_IsExactlyTheSumOfWhatWasChargedAndCounted_InAnyOrder() => ForAll(100, seed =>
    {
        (LedgerState state, ImmutableArray<LedgerEntry> entries) = History(seed, 60, recomputes: false);

        LedgerRdp[] vectors =
        [
            .. entries.Where(entry => entry.Type == LedgerEntryType.Charge).Select(entry => entry.Rdp!),
            .. entries.Where(entry => entry is { Type: LedgerEntryType.Recompute, Counted: > 0 }).SelectMany(entry => Enumerable.Repeat(entry.Rdp!, (int)entry.Counted!)),
        ];
        new Random(seed).Shuffle(vectors);

        Assert.Equal(Sum(vectors), state.Spent);
    });

    [Fact]
    public void AnyDamage_IsFound() => ForAll(300, seed =>
    {
        Random random = new(seed);
        (LedgerState state, ImmutableArray<LedgerEntry> entries) = History(seed, 40);
        ImmutableArray<byte[]> lines = Lines(entries);
        if (lines.Length < 2)
        {
            return;
        }

        int at = random.Next(lines.Length - 1);
        byte[] flipped = [.. lines[at]];
        flipped[random.Next(flipped.Length)] ^= (byte)(1 << random.Next(8));
        ImmutableArray<byte[]>[] damaged =
        [
            lines.SetItem(at, flipped),
            lines.RemoveAt(at),
            lines.SetItem(at, lines[at + 1]).SetItem(at + 1, lines[at]),
            lines.Insert(at, lines[at]),
            lines.Add(lines[^1]),
        ];

        Assert.All(damaged, text => Assert.NotNull(FaultOf(text)));

        // Of the last line nothing in the file speaks: its hash has to be known.
        Assert.NotEqual(state.Head, HeadOf(lines.RemoveAt(lines.Length - 1)));
        byte[] last = [.. lines[^1]];
        last[random.Next(last.Length)] ^= (byte)(1 << random.Next(8));
        Assert.NotEqual(state.Head, HeadOf(lines.SetItem(lines.Length - 1, last)));
    });

    [Fact]
    public void History_ReachesEveryKindOfEntryAndRefusal()
    {
        HashSet<LedgerEntryType> types = [];
        HashSet<string> refusals = [];
        for (int seed = 0; seed < 200; seed++)
        {
            (LedgerState state, ImmutableArray<LedgerEntry> entries) = History(seed, 60);
            types.UnionWith(entries.Select(entry => entry.Type));
            refusals.UnionWith(entries.Select(entry => entry.Reason).OfType<string>());
        }

        Assert.Equal(Enum.GetValues<LedgerEntryType>().Length, types.Count);
        Assert.Superset(
            new HashSet<string> { ErrorCodes.BudgetExhausted.Name, ErrorCodes.ReserveChanged.Name, ErrorCodes.ReserveUsedUp.Name, ErrorCodes.ReserveBarred.Name, ErrorCodes.ReserveSettled.Name, ErrorCodes.ReserveMissing.Name, ErrorCodes.LedgerGap.Name, LedgerReasons.DiscontinuousStart, LedgerReasons.Accountant },
            refusals);
    }

    private static void Watch(LedgerState before, LedgerStep step)
    {
        LedgerState after = step.State;
        Assert.Equal(Describe(after), Describe(before.Apply(step.Entries)));
        Assert.True(Spends(after.Spent, before.Spent), "what was spent fell");
        if (step.Entries.Any(entry => entry.Type == LedgerEntryType.Reserve))
        {
            Assert.True(LedgerFilter.Admits(after.Spent, after.Reserved, LedgerRdp.Zero, after.Limit!.EpsMax, (double)after.Limit.DeltaMax), "reserved above the limit");
        }

        if (step.Entries.Any(entry => entry.Type == LedgerEntryType.Charge))
        {
            Assert.True(LedgerFilter.Admits(after.Spent, LedgerRdp.Zero, LedgerRdp.Zero, after.Limit!.EpsMax, (double)after.Limit.DeltaMax), "spent above the limit");
            Assert.Equal(before.Spent.Plus(before.Reserved), after.Spent.Plus(after.Reserved));
        }

        Assert.All(after.Jobs.Values.SelectMany(job => job.ByMechanism.Values), reserve => Assert.InRange(reserve.Used, 0, reserve.Rounds));
    }

    private static bool Spends(LedgerRdp now, LedgerRdp before) => now.Larger(before).Equals(now);

    private static (LedgerState State, ImmutableArray<LedgerEntry> Entries) History(int seed, int requests, bool recomputes = true)
    {
        Random random = new(seed);
        LedgerState state = Fresh();
        ImmutableArray<LedgerEntry>.Builder entries = ImmutableArray.CreateBuilder<LedgerEntry>();
        for (int i = 0; i < requests; i++)
        {
            LedgerStep step = Any(random, recomputes)(state);
            entries.AddRange(step.Entries);
            state = step.State;
        }

        return (state, entries.ToImmutable());
    }

    private static Func<LedgerState, LedgerStep> Any(Random random, bool recomputes = true)
    {
        string job = Jobs[random.Next(Jobs.Length)];
        int small = random.Next(3);
        ReserveRequest request = Request(job, random.Next(8) == 0 ? 3 : 4, [.. TermsOf(job)]);
        ChargeRequest charge = ChargeOf(job, random.Next(4), "noise " + small, random.Next(3) == 0 ? LedgerMechanism.Metric : LedgerMechanism.Dpsgd);
        LoggedReserve logged = new(new RunId(job), 1 + (random.Next(6) / 5), small == 0 ? null : Request(job, 4, [.. TermsOf(job)]));
        decimal limit = 1m + random.Next(12);
        string version = "fedcloud-" + random.Next(1, 4);
        decimal factor = random.Next(2) == 0 ? 0.5m : 1.25m;
        return random.Next(40) switch
        {
            < 4 => state => LedgerMachine.SetLimit(state, Limit(limit), Sig, Now),
            < 12 => state => state.Reserve(request),
            < 34 => state => state.Charge(charge),
            < 36 => state => state.Settle(job),
            < 39 => state => state.Bar(logged),
            _ when recomputes => state => LedgerMachine.Recompute(state, version, terms => LedgerRdp.OfValues([.. terms.Rdp.Values.Select(value => value * factor is { } cost ? Math.Round(cost, 20) : (decimal?)null)]), Now),
            _ => state => state.Settle(job),
        };
    }

    private static IEnumerable<LedgerTerms> TermsOf(string job)
    {
        decimal cost = job[^1] == '1' ? 0.0123456789012345m : 0.07m / job[^1];
        LedgerTerms training = Terms(Math.Round(cost, 17));
        yield return job[^1] == '3' ? training with { Rdp = LedgerRdp.OfValues(training.Rdp.Values.SetItem(0, null)) } : training;
        if (job[^1] != '2')
        {
            yield return Terms(0.001m, LedgerMechanism.Metric);
        }
    }

    private static ErrorCode? FaultOf(IEnumerable<byte[]> lines)
    {
        try
        {
            _ = Read(Fresh(), lines);
            return null;
        }
        catch (FedCloudException error)
        {
            return error.Code;
        }
    }

    private static Sha256Digest? HeadOf(ImmutableArray<byte[]> lines) => FaultOf(lines) is null ? Read(Fresh(), lines).Head : null;

    private static void ForAll(int tests, Action<int> body) =>
        Prop.ForAll(ArbMap.Default.ArbFor<int>(), seed =>
        {
            body(seed);
            return true;
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(tests));
}
