// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Ledgers;
using FedCloud.Protocol.Privacy;
using FedCloud.SiloAgent.Budgets;
using Xunit;
using static FedCloud.Protocol.Tests.Ledgers.LedgerStory;

namespace FedCloud.SiloAgent.Tests.Budgets;

public sealed class SiloLedgerTests
{
    private readonly LedgerHome _home = new();

    [Fact]
    public void Charge_CrashBeforeTheAnswer_IsOneChargeAfterTheRestart()
    {
        Sha256Digest head;
        using (SiloLedger ledger = _home.Charged())
        {
            head = ledger.Head;
        }

        using SiloLedger again = _home.Open();
        LedgerStep step = again.Charge(ChargeOf());

        Assert.Null(step.Refusal);
        Assert.Empty(step.Entries);
        Assert.Equal(head, again.Head);
        Assert.Equal(1, again.State.Charges);
    }

    [Fact]
    public void Charge_RedeliveredByManyThreads_IsOneCharge()
    {
        Crowd crowd = new();
        using SiloLedger ledger = _home.Charged(crowd.Open);
        int granted = 0;

        crowd.Run(100, _ => Interlocked.Add(ref granted, ledger.Charge(ChargeOf(round: 1)).Refusal is null ? 1 : 0));

        Assert.Equal(100, granted);
        Assert.Equal(2, ledger.State.Charges);
        Assert.Equal(4, ledger.Entries.Length);
    }

    [Fact]
    public void Reserve_ManyJobsAtOnce_OnlyOneTakesTheLastBudget()
    {
        Crowd crowd = new();
        using SiloLedger ledger = _home.Open(open: crowd.Open);
        ledger.SetLimit(Limit(LedgerFilter.RequiredEpsilon(Terms().Rdp.Times(10), 0.00001)!.Value), Sig);
        int granted = 0;

        crowd.Run(16, i => Interlocked.Add(ref granted, ledger.Reserve(Request($"run-{i}")).Refusal is null ? 1 : 0));

        Assert.Equal(1, granted);
        Assert.Equal(Terms().Rdp.Times(10), ledger.State.Reserved);
    }

    [Fact]
    public void Open_FileChangedByOneRecord_KeepsWhatIsSpent()
    {
        _home.Open(_home.DataSet(records: ["a", "b", "c"])).Dispose();
        _home.Charged().Dispose();

        using SiloLedger changed = _home.Open(_home.DataSet(records: ["a", "b"]));

        Assert.Equal(Terms().Rdp, changed.State.Spent);
        Assert.Equal(2, changed.Records);
        Assert.Equal(Sha256Digest.Of("a\nb\n"u8), changed.ManifestSha256);
    }

    [Fact]
    public void Open_SameRecordsUnderANewUid_NeedTheSameGroup()
    {
        _home.Open(_home.DataSet("data-1", null, "a", "b", "c")).Dispose();

        FedCloudException error = Assert.Throws<FedCloudException>(() => _home.Open(_home.DataSet("data-2", null, "x", "c")));

        Assert.Equal(ErrorCodes.BudgetGroupRequired, error.Code);
        Assert.Contains("data-1", error.Message, StringComparison.Ordinal);
        Assert.False(File.Exists(_home.Paths("data-2").Salt));
        _home.Open(_home.DataSet("data-3", null, "x", "y")).Dispose();
        _home.Open(_home.DataSet("data-2", null, "x", "c") with { AllowedOverlaps = ["data-1", "data-3"] }).Dispose();
    }

    [Fact]
    public void Open_TwoDataSetsOfOneGroup_ShareTheBudget()
    {
        using (SiloLedger first = _home.Open(_home.DataSet("data-1", "ward-7", "a", "b")))
        {
            first.SetLimit(Limit(100m), Sig);
            first.Reserve(Request());
            first.Charge(ChargeOf());
        }

        using (SiloLedger second = _home.Open(_home.DataSet("data-2", "ward-7", "b", "c")))
        {
            Assert.Equal(Terms().Rdp, second.State.Spent);
        }

        Assert.All(["a", "c"], record =>
            Assert.Equal(ErrorCodes.BudgetGroupRequired, Assert.Throws<FedCloudException>(() => _home.Open(_home.DataSet("data-3", null, record))).Code));
    }

    [Fact]
    public void Open_RecordThatWasTakenOut_IsStillKnown()
    {
        _home.Open(_home.DataSet("data-1", null, "a", "b")).Dispose();
        _home.Open(_home.DataSet("data-1", null, "b")).Dispose();

        Assert.Equal(ErrorCodes.BudgetGroupRequired, Assert.Throws<FedCloudException>(() => _home.Open(_home.DataSet("data-2", null, "a"))).Code);
    }

    [Fact]
    public void Bar_UnknownReserve_StaysClosedAfterARestart()
    {
        using (SiloLedger ledger = _home.Charged())
        {
            Assert.Equal(ErrorCodes.LedgerGap, ledger.Bar([new LoggedReserve(new("run-7"), 1, null)]).Refusal);
        }

        using SiloLedger again = _home.Open();

        Assert.Equal(ErrorCodes.LedgerGap, again.Charge(ChargeOf(round: 1)).Refusal);
        Assert.Null(again.Bar([new LoggedReserve(new("run-7"), 1, Request("run-7"))]).Refusal);
        Assert.Null(again.Charge(ChargeOf(round: 1)).Refusal);
    }

    [Fact]
    public void EntriesAfter_Head_AreThoseThatFollowIt()
    {
        using SiloLedger ledger = _home.Charged();

        Assert.Equal(ledger.Entries.AsEnumerable(), ledger.EntriesAfter(Sha256Digest.Zero)!.Value);
        Assert.Equal(ledger.Entries[^1], Assert.Single(ledger.EntriesAfter(ledger.Entries[^1].PrevHash)!.Value));
        Assert.Empty(ledger.EntriesAfter(ledger.Head)!.Value);
        Assert.Null(ledger.EntriesAfter(Hash("head of another ledger")));
    }

    [Theory]
    [InlineData("..")]
    [InlineData("a/b")]
    [InlineData("Data")]
    public void Open_NameThatIsNoFileName_IsRefused(string uid) =>
        Assert.Equal(ErrorCodes.IdMalformed, Assert.Throws<FedCloudException>(() => SiloLedger.Open(_home.Folder, _home.DataSet() with { Uid = uid }, TimeProvider.System)).Code);

    /// <summary>Threads whose requests overlap: a write goes on only when each of the others has written too, is done, or waits for its turn.</summary>
    private sealed class Crowd
    {
        private readonly List<Thread> _threads = [];
        private readonly HashSet<Thread> _writing = [];
        private int _begun;

        public SmallDisk Open(string path) => new(path) { Writing = Wait };

        public void Run(int threads, Action<int> request)
        {
            using Barrier start = new(threads);
            _threads.AddRange(Enumerable.Range(0, threads).Select(i => new Thread(() =>
            {
                start.SignalAndWait();
                Interlocked.Increment(ref _begun);
                request(i);
            })));
            _threads.ForEach(thread => thread.Start());
            _threads.ForEach(thread => thread.Join());
        }

        private void Wait()
        {
            lock (_writing)
            {
                _writing.Add(Thread.CurrentThread);
            }

            SpinWait.SpinUntil(() => _threads.Count == 0 || (_begun == _threads.Count && _threads.All(IsAtRest)));
            lock (_writing)
            {
                _writing.Remove(Thread.CurrentThread);
            }
        }

        private bool IsAtRest(Thread thread)
        {
            lock (_writing)
            {
                return _writing.Contains(thread) || !thread.IsAlive || thread.ThreadState.HasFlag(ThreadState.WaitSleepJoin);
            }
        }
    }
}
