// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Cloud.Keys;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Ledgers;
using FedCloud.Protocol.Privacy;

namespace FedCloud.SiloAgent.Budgets;

/// <summary>The privacy ledger of a data set, as an agent uses it: every request is decided, written and flushed before it is answered.</summary>
/// <remarks>
/// Requests of any number of threads are taken one after the other, so two jobs cannot both take the last budget (rule L10). A refusal is a
/// value; an exception means that nothing was decided, and nothing of the request counts.
/// </remarks>
public sealed class SiloLedger : IDisposable
{
    private readonly Lock _turn = new();
    private readonly LedgerPaths _paths;
    private readonly LedgerFile _file;
    private readonly TimeProvider _time;

    private SiloLedger(LedgerPaths paths, LedgerFile file, RecordDigests records, TimeProvider time)
    {
        (_paths, _file, _time) = (paths, file, time);
        (Records, ManifestSha256) = (records.Records, records.ManifestSha256);
    }

    /// <summary>The ledger's name: the budget group, or the data set's uid.</summary>
    public string Name => _paths.Name;

    /// <summary>What others see of the data set (rule L3).</summary>
    public Sha256Digest Commitment => _file.State.Commitment;

    /// <summary>The records that the training file had when the ledger was opened. A true count: it stays in the silo.</summary>
    public long Records { get; }

    /// <summary>The SHA-256 of the training file when the ledger was opened.</summary>
    public Sha256Digest ManifestSha256 { get; }

    /// <summary>The bytes of a half written last line that opening cut; 0 for none. To be shown on the terminal.</summary>
    public long TornBytes => _file.TornBytes;

    /// <summary>The hash of the last entry; 64 zeros for none.</summary>
    public Sha256Digest Head => State.Head;

    /// <summary>Where the ledger stands.</summary>
    public LedgerState State
    {
        get
        {
            lock (_turn)
            {
                return _file.State;
            }
        }
    }

    /// <summary>The entries, oldest first.</summary>
    public ImmutableArray<LedgerEntry> Entries
    {
        get
        {
            lock (_turn)
            {
                return _file.Entries;
            }
        }
    }

    /// <summary>Opens the ledger of a data set, and makes it when the data set is new.</summary>
    /// <param name="folder">The home's folder of ledgers.</param>
    /// <param name="dataSet">The data set.</param>
    /// <param name="time">The clock.</param>
    /// <param name="open">Opens the entries' file; tests give their own.</param>
    /// <exception cref="FedCloudException"><c>budget_group_required</c>, <c>ledger_locked</c>, <c>ledger_missing</c>, <c>ledger_broken</c>, <c>file_missing</c>, <c>id_malformed</c>, <c>disk_full</c>.</exception>
    public static SiloLedger Open(string folder, LedgerDataSet dataSet, TimeProvider time, Func<string, FileStream>? open = null)
    {
        ArgumentNullException.ThrowIfNull(dataSet);
        LedgerPaths paths = LedgerPaths.Of(folder, dataSet.LedgerName);
        PrivateFolder.Make(folder);
        using FileStream turn = TakeFolder(folder);
        RecordDigests records = RecordDigests.Read(dataSet.TrainFile, folder);
        IEnumerable<LedgerPaths> others = LedgerPaths.In(folder).Where(other => other != paths && !dataSet.AllowedOverlaps.Contains(other.Name, StringComparer.Ordinal));
        if (records.Overlap(others) is [var other, ..])
        {
            throw new FedCloudException(ErrorCodes.BudgetGroupRequired, $"the training file of {dataSet.Uid} shares records with the ledger {other}");
        }

        LedgerFile file = LedgerFile.Open(paths, open);
        try
        {
            records.AddTo(paths);
            return new SiloLedger(paths, file, records, time);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>The entries after a head, for those that are not logged yet; null when the head is not of this ledger.</summary>
    /// <param name="head">64 zeros give all.</param>
    public ImmutableArray<LedgerEntry>? EntriesAfter(Sha256Digest head)
    {
        ImmutableArray<LedgerEntry> entries = Entries;
        if (head == Head)
        {
            return [];
        }

        int next = 0;
        while (next < entries.Length && entries[next].PrevHash != head)
        {
            next++;
        }

        return next < entries.Length ? entries[next..] : null;
    }

    /// <summary>Sets the limit that the administrator signed; the caller verified the signature.</summary>
    /// <exception cref="FedCloudException"><c>disk_full</c>, <c>ledger_entry_malformed</c>.</exception>
    public LedgerStep SetLimit(LedgerLimit limit, string approvalSig) => Take((state, now) => LedgerMachine.SetLimit(state, limit, approvalSig, now));

    /// <summary>Reserves a job's maximum rounds, if the limit admits them.</summary>
    /// <exception cref="FedCloudException"><c>disk_full</c>, <c>ledger_entry_malformed</c>.</exception>
    public LedgerStep Reserve(ReserveRequest request) => Take((state, now) => LedgerMachine.Reserve(state, request, now));

    /// <summary>Charges one round of one mechanism. On return the charge is on disk, and the update may leave.</summary>
    /// <exception cref="FedCloudException"><c>disk_full</c>.</exception>
    public LedgerStep Charge(ChargeRequest request) => Take((state, now) => LedgerMachine.Charge(state, request, now));

    /// <summary>Refuses a job because the silo's clock is off the log's time.</summary>
    /// <exception cref="FedCloudException"><c>disk_full</c>.</exception>
    public LedgerStep RefuseForClock(RunId job) => Take((state, now) => LedgerMachine.RefuseForClock(state, job, now));

    /// <summary>Ends a job: its unused reserve returns.</summary>
    /// <exception cref="FedCloudException"><c>disk_full</c>.</exception>
    public LedgerStep Settle(RunId job) => Take((state, now) => LedgerMachine.Settle(state, job, now));

    /// <summary>Counts reserves as spent in full, after a start that does not continue the one before.</summary>
    /// <param name="logged">Every job of this data set whose reserve is in the log, and no settlement.</param>
    /// <exception cref="FedCloudException"><c>disk_full</c>, <c>ledger_entry_malformed</c>.</exception>
    public LedgerStep Bar(ImmutableArray<LoggedReserve> logged) => Take((state, now) => LedgerMachine.Bar(state, logged, now));

    /// <summary>Counts history with another version of the accountant.</summary>
    /// <param name="version">The version.</param>
    /// <param name="account">The RDP vector of one charge, computed by that version.</param>
    /// <exception cref="FedCloudException"><c>disk_full</c>.</exception>
    public LedgerStep Recompute(string version, Func<LedgerTerms, LedgerRdp> account) => Take((state, now) => LedgerMachine.Recompute(state, version, account, now));

    /// <summary>Keeps which runs without a claim the policy names; those that used the data stay beside them.</summary>
    /// <exception cref="FedCloudException"><c>disk_full</c>, <c>ledger_broken</c>.</exception>
    public void NameExcluded(ImmutableArray<RunId> runs) => Exclude(excluded => excluded with { Named = [.. runs.Distinct()] });

    /// <summary>Keeps, for good, that a run without a claim uses the data.</summary>
    /// <exception cref="FedCloudException"><c>disk_full</c>, <c>ledger_broken</c>.</exception>
    public void MarkUsed(RunId run) => Exclude(excluded => excluded.Used.Contains(run) ? excluded : excluded with { Used = excluded.Used.Add(run) });

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    private LedgerStep Take(Func<LedgerState, DateTimeOffset, LedgerStep> decide)
    {
        lock (_turn)
        {
            _file.RequireSure();
            LedgerStep step = decide(_file.State, _time.GetUtcNow());
            _file.Append(step);
            return step;
        }
    }

    private void Exclude(Func<ExcludedRuns, ExcludedRuns> change)
    {
        lock (_turn)
        {
            change(ExcludedRuns.Read(_paths)).Write(_paths);
        }
    }

    // Two new data sets with the same records must not look for each other at the same time.
    private static FileStream TakeFolder(string folder)
    {
        try
        {
            return new FileStream(Path.Combine(folder, "_folder.lock"), FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException error)
        {
            throw new FedCloudException(ErrorCodes.LedgerLocked, "another process is opening a ledger of this home", "try again; stop the other agent if it stays", error);
        }
    }
}
