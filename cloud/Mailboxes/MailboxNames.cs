// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Identity;

namespace FedCloud.Cloud.Mailboxes;

/// <summary>What mailboxes are called: the name of the container, and of the queue that takes its place on a message broker.</summary>
public static class MailboxNames
{
    /// <summary>The coordinator's: silos send.</summary>
    public const string Coordinator = "mail-coordinator";

    /// <summary>That of the log's writer: the coordinator sends.</summary>
    public const string Audit = "mail-audit";

    private const string Prefix = "mail-";

    /// <summary>A silo's own: the coordinator sends.</summary>
    public static string Of(SiloId silo) => Prefix + silo.Value;

    /// <summary>The queue that takes the mailbox's place.</summary>
    /// <param name="name">The mailbox.</param>
    /// <returns><c>coordinator</c>, <c>audit-in</c> or <c>silo-{id}</c>.</returns>
    public static string Queue(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return name switch
        {
            Coordinator => "coordinator",
            Audit => "audit-in",
            _ when name.StartsWith(Prefix, StringComparison.Ordinal) => "silo-" + name[Prefix.Length..],
            _ => throw new ArgumentException("expected the name of a mailbox", nameof(name)),
        };
    }
}
