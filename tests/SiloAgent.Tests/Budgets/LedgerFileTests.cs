// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text;
using FedCloud.Cloud.Keys;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Ledgers;
using FedCloud.SiloAgent.Budgets;
using Xunit;
using static FedCloud.Protocol.Tests.Ledgers.LedgerStory;

namespace FedCloud.SiloAgent.Tests.Budgets;

public sealed class LedgerFileTests
{
    private readonly LedgerHome _home = new();

    [Fact]
    public void Open_Again_StandsWhereItStood()
    {
        string before;
        using (SiloLedger ledger = _home.Charged())
        {
            before = Describe(ledger.State);
        }

        using SiloLedger again = _home.Open();

        Assert.Equal(before, Describe(again.State));
        Assert.Equal(0, again.TornBytes);
    }

    [Theory]
    [InlineData("{\"accountant_version\":\"fed")]
    [InlineData("\0\0\0\0\n")]
    public void Open_TornLastLine_IsCutAndReported(string torn)
    {
        _home.Charged().Dispose();
        long length = new FileInfo(_home.Paths().Entries).Length;
        File.AppendAllText(_home.Paths().Entries, torn);

        using (SiloLedger ledger = _home.Open())
        {
            Assert.Equal(torn.Length, ledger.TornBytes);
            Assert.Equal(length, new FileInfo(_home.Paths().Entries).Length);
            Assert.Null(ledger.Charge(ChargeOf(round: 1)).Refusal);
        }

        using SiloLedger again = _home.Open();
        Assert.Equal(2, again.State.Charges);
    }

    [Fact]
    public void Open_CrashBeforeTheHeadWasWritten_GoesOn()
    {
        byte[] head;
        using (SiloLedger ledger = _home.Charged())
        {
            head = File.ReadAllBytes(_home.Paths().Head);
            ledger.Charge(ChargeOf(round: 1));
        }

        File.WriteAllBytes(_home.Paths().Head, head);

        using SiloLedger again = _home.Open();
        Assert.Equal(2, again.State.Charges);
        Assert.StartsWith("4 " + again.Head.Hex, File.ReadAllText(_home.Paths().Head), StringComparison.Ordinal);
    }

    public static TheoryData<string, Func<string[], string[]>> Damages => new()
    {
        { "last line deleted", lines => lines[..^1] },
        { "last line cut", lines => [.. lines[..^1], lines[^1][..40]] },
        { "first line deleted", lines => lines[1..] },
        { "line in between deleted", lines => [lines[0], .. lines[2..]] },
        { "lines swapped", lines => [lines[1], lines[0], .. lines[2..]] },
        { "last lines swapped", lines => [.. lines[..^2], lines[^1], lines[^2]] },
        { "line doubled", lines => [lines[0], .. lines] },
        { "last line doubled", lines => [.. lines, lines[^1]] },
        { "limit raised", lines => [lines[0].Replace("\"eps_max\":\"100\"", "\"eps_max\":\"900\"", StringComparison.Ordinal), .. lines[1..]] },
        { "round of the last charge changed", lines => [.. lines[..^1], lines[^1].Replace("\"round\":\"0\"", "\"round\":\"5\"", StringComparison.Ordinal)] },
        { "byte of the last line changed", lines => [.. lines[..^1], lines[^1].Replace("\"rdp\"", "\"rdq\"", StringComparison.Ordinal)] },
        { "emptied", _ => [] },
    };

    [Theory]
    [MemberData(nameof(Damages))]
    public void Open_DamagedFile_IsBrokenAndLeftAsItIs(string damage, Func<string[], string[]> change)
    {
        _home.Charged().Dispose();
        string path = _home.Paths().Entries;
        string text = File.ReadAllText(path);
        string changed = string.Concat(change(text.TrimEnd('\n').Split('\n')).Select(line => line + "\n"));
        Assert.NotEqual(text, changed);
        File.WriteAllText(path, changed);

        FedCloudException error = Assert.Throws<FedCloudException>(() => _home.Open());

        Assert.True(error.Code == ErrorCodes.LedgerBroken, damage);
        Assert.Equal(changed, File.ReadAllText(path));
        Assert.Equal(ErrorCodes.LedgerBroken, Assert.Throws<FedCloudException>(() => LedgerReading.Read(_home.Paths())).Code);
    }

    [Fact]
    public void Open_AnyBitFlipped_IsFound()
    {
        _home.Charged().Dispose();
        string path = _home.Paths().Entries;
        byte[] bytes = File.ReadAllBytes(path);
        for (int i = 0; i < bytes.Length; i++)
        {
            byte[] flipped = [.. bytes];
            flipped[i] ^= (byte)(1 << (i % 8));
            File.WriteAllBytes(path, flipped);

            Assert.True(ErrorCodes.LedgerBroken == Assert.Throws<FedCloudException>(() => LedgerReading.Read(_home.Paths())).Code, $"byte {i}");
        }
    }

    [Theory]
    [InlineData("jsonl")]
    [InlineData("head")]
    [InlineData("salt")]
    [InlineData("jsonl", "head")]
    [InlineData("jsonl", "salt")]
    [InlineData("jsonl", "head", "salt")]
    public void Open_DeletedParts_AreNoFreshBudget(params string[] parts)
    {
        _home.Charged().Dispose();
        foreach (string part in parts)
        {
            File.Delete(Path.Combine(_home.Folder, "data-1." + part));
        }

        Assert.Equal(ErrorCodes.LedgerMissing, Assert.Throws<FedCloudException>(() => _home.Open()).Code);
        Assert.All(parts, part => Assert.False(File.Exists(Path.Combine(_home.Folder, "data-1." + part))));
    }

    [Fact]
    public void Open_CrashWhileItWasMade_MakesItAnew()
    {
        PrivateFolder.Make(_home.Folder);
        File.WriteAllText(_home.Paths().Entries, string.Empty);
        File.WriteAllText(_home.Paths().Head, $"0 {Sha256Digest.Zero.Hex}\n");

        using SiloLedger ledger = _home.Open();

        Assert.Equal(0, ledger.State.Seq);
    }

    [Fact]
    public void Open_Twice_IsLocked_AndReadingGoesOn()
    {
        using SiloLedger first = _home.Charged();

        Assert.Equal(ErrorCodes.LedgerLocked, Assert.Throws<FedCloudException>(() => _home.Open()).Code);
        Assert.Equal(first.Head, LedgerReading.Read(_home.Paths()).State.Head);
        Assert.Null(first.Charge(ChargeOf(round: 1)).Refusal);
    }

    [Fact]
    public void Open_LedgerOfAnotherDataSet_IsBroken()
    {
        _home.Charged().Dispose();
        _home.Open(_home.DataSet("data-2")).Dispose();
        File.Copy(_home.Paths().Entries, _home.Paths("data-2").Entries, overwrite: true);

        Assert.Equal(ErrorCodes.LedgerBroken, Assert.Throws<FedCloudException>(() => _home.Open(_home.DataSet("data-2"))).Code);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(37)]
    public void Append_DiskFull_LeavesFileAndStateAsTheyWere(int room)
    {
        SmallDisk? disk = null;
        using (SiloLedger ledger = _home.Charged(path => disk = new SmallDisk(path)))
        {
            string before = Describe(ledger.State);
            long length = disk!.Length;
            disk.Room = room;

            FedCloudException error = Assert.Throws<FedCloudException>(() => ledger.Charge(ChargeOf(round: 1)));

            Assert.Equal(ErrorCodes.DiskFull, error.Code);
            Assert.Equal(before, Describe(ledger.State));
            Assert.Equal(3, ledger.Entries.Length);
            Assert.Equal(length, disk.Length);
            disk.Room = int.MaxValue;
            Assert.Null(ledger.Charge(ChargeOf(round: 2)).Refusal);
        }

        using SiloLedger again = _home.Open();
        Assert.Equal(2, again.State.Charges);
    }

    [Fact]
    public void Append_DiskFullAndNotUndone_RefusesEverythingUntilARestart()
    {
        SmallDisk? disk = null;
        using (SiloLedger ledger = _home.Charged(path => disk = new SmallDisk(path)))
        {
            (disk!.Room, disk.IsStuck) = (37, true);
            Assert.Throws<FedCloudException>(() => ledger.Charge(ChargeOf(round: 1)));
            (disk.Room, disk.IsStuck) = (int.MaxValue, false);

            Assert.Equal(ErrorCodes.DiskFull, Assert.Throws<FedCloudException>(() => ledger.Charge(ChargeOf(round: 2))).Code);
            Assert.Equal(ErrorCodes.DiskFull, Assert.Throws<FedCloudException>(() => ledger.Charge(ChargeOf())).Code);
        }

        using SiloLedger again = _home.Open();
        Assert.Equal(37, again.TornBytes);
        Assert.Null(again.Charge(ChargeOf(round: 2)).Refusal);
    }

    [Fact]
    public void Files_Secrets_AreForTheirOwnerOnly()
    {
        _home.Charged().Dispose();

        if (!OperatingSystem.IsWindows())
        {
            foreach (string path in (string[])[_home.Paths().Salt, _home.Paths().Entries, _home.Paths().Records, Path.Combine(_home.Folder, "_records.key")])
            {
                Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path));
            }
        }

        byte[] salt = File.ReadAllBytes(_home.Paths().Salt);
        Assert.Equal(32, salt.Length);
        Assert.Equal(Sha256Digest.Of([.. salt, .. Encoding.UTF8.GetBytes("data-1")]), LedgerReading.Read(_home.Paths()).State.Commitment);
    }
}
