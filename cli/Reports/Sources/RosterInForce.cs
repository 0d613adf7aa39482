// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Enrolment;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Signing;

namespace FedCloud.Cli.Reports.Sources;

/// <summary>A roster of the evidence and the entry that put it in force.</summary>
/// <param name="Logged">The entry.</param>
/// <param name="Roster">The roster; its hash is the entry's.</param>
/// <param name="Joins">Its members' joins, with their keys.</param>
internal sealed record RosterInForce(LoggedRecord Logged, Roster Roster, ImmutableArray<JoinBody> Joins)
{
    /// <summary>The administrator key of a member; null for another silo.</summary>
    public VerificationKey? AdministratorOf(SiloId silo)
    {
        JoinBody? join = Joins.FirstOrDefault(join => join.SiloId == silo);
        VerificationKey? key = join is null ? null : VerificationKey.FromBase64(join.AdminSpki);
        return key is not null && Roster.Find(silo)?.AdminSpkiSha256 == key.Fingerprint ? key : null;
    }
}
