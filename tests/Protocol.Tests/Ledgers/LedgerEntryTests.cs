// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Text;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Ledgers;
using FedCloud.Protocol.Privacy;
using Xunit;
using static FedCloud.Protocol.Tests.Ledgers.LedgerStory;

namespace FedCloud.Protocol.Tests.Ledgers;

public sealed class LedgerEntryTests
{
    private static readonly ImmutableArray<LedgerEntry> OfEveryType = Write();

    [Fact]
    public void Entries_OfEveryType_AreTestedAndRoundTrip()
    {
        Assert.Equal(Enum.GetValues<LedgerEntryType>(), OfEveryType.Select(entry => entry.Type).Distinct().Order());
        Assert.All(OfEveryType, entry =>
        {
            LedgerEntry read = LedgerEntry.Parse(entry.ToBytes());
            Assert.Equal(entry, read);
            Assert.Equal(entry.Hash(), read.Hash());
        });
    }

    [Fact]
    public void ToBytes_Charge_IsTheFormOfTheSpecification()
    {
        string line = Encoding.UTF8.GetString(OfEveryType.First(entry => entry.Type == LedgerEntryType.Charge).ToBytes());

        Assert.StartsWith("{\"accountant_version\":\"fedcloud-1\",\"approval_sig\":\"AAAA", line, StringComparison.Ordinal);
        Assert.Contains("\"clip\":\"0.5\"", line, StringComparison.Ordinal);
        Assert.Contains("\"mechanism\":\"dpsgd\"", line, StringComparison.Ordinal);
        Assert.Contains("\"rdp\":[\"0.015\",null,\"0.025\",", line, StringComparison.Ordinal);
        Assert.Contains("\"seq\":\"4\"", line, StringComparison.Ordinal);
        Assert.Contains("\"steps\":\"5\"", line, StringComparison.Ordinal);
        Assert.Contains("\"time\":\"2026-03-01T12:00:00Z\"", line, StringComparison.Ordinal);
        Assert.DoesNotContain("reason", line, StringComparison.Ordinal);
    }

    [Fact]
    public void ToBytes_Limit_HasTheMembersOfTheFirstLedgers_WhichMeanTheLifetime()
    {
        LedgerEntry limit = OfEveryType.First(entry => entry.Type == LedgerEntryType.Limit);

        Assert.Equal(
            $"{{\"approval_sig\":\"{Sig}\",\"dataset_commitment\":\"{limit.DatasetCommitment.Hex}\",\"delta_max\":\"0.00001\",\"eps_max\":\"10\",\"manifest_sha256\":\"{Hash("file").Hex}\",\"prev_hash\":\"{new string('0', 64)}\",\"records\":\"1000\",\"seq\":\"1\",\"time\":\"2026-03-01T12:00:00Z\",\"type\":\"limit\",\"unit\":\"record\"}}",
            Encoding.UTF8.GetString(limit.ToBytes()));
        Assert.Equal(LedgerPeriod.Lifetime, limit.Limit!.Period);
    }

    [Theory]
    [InlineData("\"seq\":\"4\"", "\"seq\":4")]
    [InlineData("\"seq\":\"4\"", "\"seq\":\"04\"")]
    [InlineData("\"seq\":\"4\"", "\"seq\":\"0\"")]
    [InlineData("\"z\":\"1.1\"", "\"z\":\"1.10\"")]
    [InlineData("\"z\":\"1.1\"", "\"z\":1.1")]
    [InlineData("\"z\":\"1.1\"", "\"z\":\"0\"")]
    [InlineData("\"z\":\"1.1\"", "\"z\":null")]
    [InlineData("\"q\":\"0.02\"", "\"q\":\"1.02\"")]
    [InlineData("\"delta\":\"0.00001\"", "\"delta\":\"1\"")]
    [InlineData("\"rdp\":[\"0.015\",", "\"rdp\":[")]
    [InlineData("\"rdp\":[\"0.015\",", "\"rdp\":[\"-0.015\",")]
    [InlineData("\"rdp\":[\"0.015\",", "\"rdp\":[0.015,")]
    [InlineData("\"mechanism\":\"dpsgd\"", "\"mechanism\":\"laplace\"")]
    [InlineData("\"mechanism\":\"dpsgd\"", "\"mechanism\":\"0\"")]
    [InlineData("\"unit\":\"record\"", "\"unit\":\"group\"")]
    [InlineData("\"time\":\"2026-03-01T12:00:00Z\"", "\"time\":\"2026-03-01T12:00:00+00:00\"")]
    [InlineData("\"seq\":\"4\"", "\"seq\":\"4\",\"rounds\":\"2\"")]
    [InlineData("\"seq\":\"4\"", "\"seq\":\"4\",\"secret\":\"2\"")]
    [InlineData("\"seq\":\"4\"", "\"seq\": \"4\"")]
    [InlineData("\"approval_sig\":\"", "\"approval_sig\":\"?")]
    public void Parse_AnotherForm_IsMalformed(string from, string to)
    {
        string line = Encoding.UTF8.GetString(OfEveryType.First(entry => entry.Type == LedgerEntryType.Charge).ToBytes());
        Assert.Contains(from, line, StringComparison.Ordinal);

        string changed = line.Replace(from, to, StringComparison.Ordinal);

        Assert.Equal(ErrorCodes.LedgerEntryMalformed, Assert.Throws<FedCloudException>(() => LedgerEntry.Parse(Encoding.UTF8.GetBytes(changed))).Code);
    }

    [Fact]
    public void Parse_TooLong_IsMalformedUnread() =>
        Assert.Contains("8192 bytes", Assert.Throws<FedCloudException>(() => LedgerEntry.Parse(new byte[LedgerEntry.MaxBytes + 1])).Message, StringComparison.Ordinal);

    [Fact]
    public void ToBytes_LargestValues_FitTheLine()
    {
        LedgerEntry largest = OfEveryType.First(entry => entry.Type == LedgerEntryType.Reserve) with
        {
            Rdp = LedgerRdp.OfValues([.. RdpOrders.Ledger.Select(_ => (decimal?)99_999_999.99999999999999999999m)]),
            Z = 999_999_999_999_999.9999999999999m,
            ApprovalSig = Convert.ToBase64String(new byte[384]),
            AccountantVersion = new string('v', 128),
            SamplerProfile = new string('s', 128),
        };

        Assert.Equal(largest, LedgerEntry.Parse(largest.ToBytes()));
    }

    private static ImmutableArray<LedgerEntry> Write()
    {
        LedgerTerms terms = Terms() with { Rdp = LedgerRdp.OfValues(Terms().Rdp.Values.SetItem(1, null)) };
        ImmutableArray<LedgerEntry>.Builder entries = ImmutableArray.CreateBuilder<LedgerEntry>();
        LedgerState state = Fresh();
        Func<LedgerState, LedgerStep>[] steps =
        [
            from => LedgerMachine.SetLimit(from, Limit(10m), Sig, Now),
            from => from.Reserve(Request("run-1", 10, terms, Terms(0.001m, LedgerMechanism.Metric))),
            from => from.Charge(ChargeOf()),
            from => from.Reserve(Request("run-2", 1_000)),
            from => from.Bar(new LoggedReserve(Job, 1, null)),
            from => LedgerMachine.Recompute(from, "fedcloud-2", old => old.Rdp, Now),
            from => from.Settle(),
        ];
        foreach (Func<LedgerState, LedgerStep> step in steps)
        {
            LedgerStep taken = step(state);
            entries.AddRange(taken.Entries);
            state = taken.State;
        }

        return entries.ToImmutable();
    }
}
