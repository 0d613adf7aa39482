// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Ledgers;
using FedCloud.Protocol.Plans;

namespace FedCloud.Protocol.Privacy;

/// <summary>What a plan's claim asks a silo's ledger for.</summary>
/// <param name="Terms">What one round costs.</param>
/// <param name="MaxRounds">The most rounds that are charged.</param>
public sealed record ClaimAccount(LedgerTerms Terms, int MaxRounds)
{
    /// <summary>The mechanism that a plan's rounds are charged as.</summary>
    /// <param name="plan">A plan with a claim.</param>
    public static LedgerMechanism MechanismOf(RunConfig plan)
    {
        ArgumentNullException.ThrowIfNull(plan);
        return plan.Privacy.IsOnRing ? DistributedPrivacy.MechanismOf(plan.Aggregation.Secure.RingBits) : LedgerMechanism.Dpsgd;
    }

    /// <summary>Accounts for a plan at a silo.</summary>
    /// <param name="plan">A plan with a claim.</param>
    /// <param name="units">The silo's declared number of records, persons or silos (1).</param>
    /// <exception cref="FedCloudException">As <see cref="ExamplePrivacy.Of"/> and <see cref="DistributedPrivacy.Of"/>; <c>count_invalid</c>: more records than the plan allows.</exception>
    public static ClaimAccount Of(RunConfig plan, long units)
    {
        ArgumentNullException.ThrowIfNull(plan);
        if (!plan.Privacy.IsOnRing)
        {
            ExamplePrivacy example = ExamplePrivacy.Of(plan, units);
            return new(example.ToTerms(plan.Privacy), example.MaxRounds);
        }

        if (plan.Privacy.IsRecordOnRing)
        {
            RequireRecords(plan, units);
        }

        DistributedPrivacy distributed = DistributedPrivacy.Of(plan);
        return new(distributed.ToTerms(plan), distributed.MaxRounds);
    }

    /// <summary>The limit that an unused ledger needs for the job, at the plan's delta; above the job's own epsilon, because jobs are chosen one after the other.</summary>
    public decimal LedgerEpsilon() => LedgerFilter.RequiredEpsilon(Terms.Rdp.Times(MaxRounds), (double)Terms.Delta)
        ?? throw PrivacyArguments.Refusal(ErrorCodes.AccountantNotFinite, "the epsilon that the ledger needs", "a finite number", "none");

    /// <summary>What this version of the accountant says about a charge that another version accounted for (privacy, L13).</summary>
    /// <param name="terms">The charge's terms.</param>
    /// <exception cref="FedCloudException"><c>ledger_broken</c>: of a mechanism that this version does not make.</exception>
    public static LedgerRdp Recount(LedgerTerms terms)
    {
        ArgumentNullException.ThrowIfNull(terms);
        return terms.Mechanism switch
        {
            LedgerMechanism.Dpsgd => LedgerRdp.Of(DpSgdAccountant.Rdp(RdpOrders.Ledger, (double)terms.ZEff, (double)terms.Q, terms.Steps)),
            LedgerMechanism.DiscreteGaussian or LedgerMechanism.Skellam => LedgerRdp.Of(DistributedPrivacy.Rdp(terms.Mechanism, RdpOrders.Ledger, (double)terms.ZEff)),
            _ => throw new FedCloudException(ErrorCodes.LedgerBroken, $"the ledger holds a charge of {terms.Mechanism}, which this version does not make"),
        };
    }

    // Choosing among more records than the plan allows would make a record's part depend on the others.
    private static void RequireRecords(RunConfig plan, long records)
    {
        DpSgdAccountant.RequireDelta((double)plan.Privacy.Delta, records);
        if (records > plan.Privacy.MaxRecords)
        {
            throw new FedCloudException(
                ErrorCodes.CountInvalid,
                string.Create(CultureInfo.InvariantCulture, $"the silo's declared records must be at most the plan's privacy.max_records {plan.Privacy.MaxRecords}, found {records}"),
                "ask for a plan that allows as many records");
        }
    }
}
