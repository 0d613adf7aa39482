// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Enrolment;
using FedCloud.Protocol.Ledgers;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Privacy;
using FedCloud.Protocol.Rounds;

namespace FedCloud.Simulation.Tests.Whole;

/// <summary>What must hold of every silo's privacy ledger at the end of a schedule: each update that counts was charged once, and no more was spent than the limit admits.</summary>
/// <param name="federation">The federation, at rest.</param>
internal sealed class BudgetInvariants(WholeFederation federation)
{
    private readonly RunConfig _config = federation.Config;

    public async Task RequireAsync(RoundRecord[] committed)
    {
        Roster? roster = (await federation.MembershipAsync()).Roster;
        foreach (SimulatedSilo silo in federation.Invited)
        {
            LedgerState ledger = silo.Ledger().State;
            Require(ledger.RequiredEpsilon <= WholeFederation.EpsilonMax, $"{silo.Id} has spent and reserved more than its limit");
            LedgerJob? job = ledger.Jobs.GetValueOrDefault(_config.Job);
            LedgerReserve? reserve = job?.ByMechanism.GetValueOrDefault(ClaimAccount.MechanismOf(_config));
            Require(reserve is null || reserve.SpentRounds <= _config.Rounds + _config.Privacy.SpareRounds, $"{silo.Id} has spent more rounds than it reserved");
            foreach (RoundRecord round in committed.Where(round => round.Members.GetValueOrDefault(silo.Id)?.Phase == MemberPhase.Verified))
            {
                // Noise on the ring is drawn anew for every slot that a round was tried in, and charged by it.
                Require(job?.Charges.Keys.Count(charge => charge.Round == round.Round && (!_config.Privacy.IsOnRing || charge.NoiseId == round.Secure?.Rid)) == 1, $"{silo.Id} has not charged round {round.Round} once");
            }

            // A silo that was removed hears nothing of the run any more.
            Require(job is null || job.Reserved.Equals(LedgerRdp.Zero) || roster?.Find(silo.Id) is null, $"{silo.Id} still holds a reserve");
        }
    }

    private static void Require(bool holds, string broken)
    {
        if (!holds)
        {
            throw new InvalidOperationException(broken);
        }
    }
}
