// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Ledgers;
using FedCloud.SiloAgent.Budgets;
using static FedCloud.Protocol.Tests.Ledgers.LedgerStory;

namespace FedCloud.SiloAgent.Tests.Budgets;

/// <summary>A folder of ledgers and training files beside it.</summary>
internal sealed class LedgerHome
{
    private readonly string _root = Directory.CreateTempSubdirectory().FullName;

    public string Folder => Path.Combine(_root, "ledgers");

    public LedgerPaths Paths(string name = "data-1") => LedgerPaths.Of(Folder, name);

    public string TrainFile(string name, params string[] records)
    {
        string path = Path.Combine(_root, name + ".jsonl");
        File.WriteAllText(path, string.Concat(records.Select(record => record + "\n")));
        return path;
    }

    public LedgerDataSet DataSet(string uid = "data-1", string? group = null, params string[] records) =>
        new() { Uid = uid, BudgetGroup = group, TrainFile = TrainFile(uid, records.Length == 0 ? ["record of " + uid] : records) };

    public SiloLedger Open(LedgerDataSet? dataSet = null, Func<string, FileStream>? open = null) => SiloLedger.Open(Folder, dataSet ?? DataSet(), new FixedTime(), open);

    /// <summary>A ledger with a limit, a reserved job of ten rounds and one charge.</summary>
    public SiloLedger Charged(Func<string, FileStream>? open = null)
    {
        SiloLedger ledger = Open(open: open);
        ledger.SetLimit(Limit(100m), Sig);
        ledger.Reserve(Request());
        ledger.Charge(ChargeOf());
        return ledger;
    }

    private sealed class FixedTime : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => Now;
    }
}

/// <summary>A file on a disk with so many bytes left, which may also refuse to be cut.</summary>
internal sealed class SmallDisk(string path) : FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.Read, bufferSize: 0)
{
    public int Room { get; set; } = int.MaxValue;

    public bool IsStuck { get; set; }

    /// <summary>What happens while a write is under way.</summary>
    public Action? Writing { get; init; }

    // In a derived stream the other overloads lead here.
    public override void Write(byte[] buffer, int offset, int count)
    {
        Writing?.Invoke();
        base.Write(buffer, offset, Math.Min(count, Room));
        if (count > Room)
        {
            throw new IOException("No space left on device");
        }
    }

    public override void SetLength(long value)
    {
        if (IsStuck)
        {
            throw new IOException("Input/output error");
        }

        base.SetLength(value);
    }
}
