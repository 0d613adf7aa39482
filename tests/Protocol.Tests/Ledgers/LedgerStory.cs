// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Text;
using System.Text.Json;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Ledgers;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Privacy;

namespace FedCloud.Protocol.Tests.Ledgers;

/// <summary>Requests to a ledger, for tests.</summary>
internal static class LedgerStory
{
    public static readonly DateTimeOffset Now = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);
    public static readonly string Sig = Convert.ToBase64String(new byte[64]);
    // A decimal's trailing zeros are no part of its value.
    private static readonly JsonSerializerOptions Exact = new() { Converters = { new DecimalStringJsonConverter(), new NullableDecimalStringJsonConverter() } };

    public static readonly RunId Job = new("run-1");

    public static Sha256Digest Hash(string text) => Sha256Digest.Of(Encoding.UTF8.GetBytes(text));

    public static LedgerState Fresh() => LedgerState.Empty(Hash("data set"));

    public static LedgerState WithLimit(decimal epsMax = 100m, PrivacyUnit unit = PrivacyUnit.Record) => LedgerMachine.SetLimit(Fresh(), Limit(epsMax, unit), Sig, Now).State;

    public static LedgerLimit Limit(decimal epsMax, PrivacyUnit unit = PrivacyUnit.Record) =>
        new() { EpsMax = epsMax, DeltaMax = 0.00001m, Unit = unit, Records = 1000, ManifestSha256 = Hash("file") };

    /// <summary>Terms whose RDP at order a is a times the cost.</summary>
    public static LedgerTerms Terms(decimal cost = 0.01m, LedgerMechanism mechanism = LedgerMechanism.Dpsgd) => new()
    {
        Mechanism = mechanism,
        Unit = PrivacyUnit.Record,
        Z = 1.1m,
        ZEff = 1.0999999m,
        Q = mechanism == LedgerMechanism.Metric ? 1m : 0.02m,
        Steps = 5,
        Clip = 0.5m,
        Rdp = LedgerRdp.OfValues([.. RdpOrders.Ledger.Select(order => (decimal?)((decimal)order * cost))]),
        PldEps = 2.5m,
        Delta = 0.00001m,
        AccountantVersion = DpSgdAccountant.Version,
        SamplerProfile = "aes-ctr-1",
    };

    public static ReserveRequest Request(string job = "run-1", long rounds = 10, params LedgerTerms[] terms) => new()
    {
        Job = new RunId(job),
        ConfigSha256 = Hash("plan of " + job),
        Terms = terms.Length == 0 ? [Terms()] : [.. terms],
        MaxRounds = rounds,
        ApprovalSig = Sig,
    };

    public static ChargeRequest ChargeOf(string job = "run-1", long round = 0, string noise = "noise", LedgerMechanism mechanism = LedgerMechanism.Dpsgd) =>
        new(new RunId(job), mechanism, round, Hash(noise));

    public static LedgerStep Reserve(this LedgerState state, ReserveRequest request) => LedgerMachine.Reserve(state, request, Now);

    public static LedgerStep Charge(this LedgerState state, ChargeRequest request) => LedgerMachine.Charge(state, request, Now);

    public static LedgerStep Settle(this LedgerState state, string job = "run-1") => LedgerMachine.Settle(state, new RunId(job), Now);

    public static LedgerStep Bar(this LedgerState state, params LoggedReserve[] logged) => LedgerMachine.Bar(state, [.. logged], Now);

    /// <summary>Everything in a state as a text.</summary>
    public static string Describe(LedgerState state) => JsonSerializer.Serialize(new
    {
        state.Commitment,
        state.Seq,
        state.Head,
        state.Limit,
        state.LimitSig,
        Jobs = state.Jobs.Select(job => new
        {
            job.Key,
            job.Value.Status,
            job.Value.ConfigSha256,
            job.Value.ApprovalSig,
            job.Value.Reserves,
            job.Value.Mechanisms,
            ByMechanism = job.Value.ByMechanism.Values,
            Charges = job.Value.Charges.OrderBy(charge => charge.Key.Round).ThenBy(charge => charge.Key.NoiseId.Hex, StringComparer.Ordinal),
            job.Value.Refusals,
        }),
        Spent = state.Spent.Values,
        Reserved = state.Reserved.Values,
    }, Exact);

    public static LedgerRdp Sum(IEnumerable<LedgerRdp> vectors) => vectors.Aggregate(LedgerRdp.Zero, (sum, next) => sum.Plus(next));

    public static ImmutableArray<byte[]> Lines(IEnumerable<LedgerEntry> entries) => [.. entries.Select(entry => entry.ToBytes())];

    public static LedgerState Read(LedgerState fresh, IEnumerable<byte[]> lines) => fresh.Apply(lines.Select(line => LedgerEntry.Parse(line)));
}
