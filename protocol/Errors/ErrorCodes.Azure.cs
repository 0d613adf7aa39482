// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Protocol.Errors;

public static partial class ErrorCodes
{
    /// <summary>A cloud service is configured in a build that has only its client's API contract.</summary>
    public static ErrorCode PackageNotRestored { get; } = new(
        "package_not_restored",
        ExitCode.NotSetUp,
        "the configuration needs a package of which this build has only the API contract",
        "publish the program, or build it with the environment variable AzurePackages=nuget; docs/building.md says more");

    /// <summary>No token was given for the identity that is configured.</summary>
    public static ErrorCode SignInFailed { get; } = new(
        "sign_in_failed",
        ExitCode.NotSetUp,
        "the identity service gave no token for the identity that is configured",
        "check the identity settings (docs/building.md), and that the identity service can be reached");

    /// <summary>The message broker does not answer.</summary>
    public static ErrorCode MailboxUnreachable { get; } = new(
        "mailbox_unreachable",
        ExitCode.Unreachable,
        "the message broker is busy or did not answer after several tries",
        "check the network, the proxy and the namespace, then repeat the command");

    /// <summary>The message broker refuses the identity.</summary>
    public static ErrorCode MailboxDenied { get; } = new(
        "mailbox_denied",
        ExitCode.Refused,
        "the message broker refuses this identity for this queue or operation",
        "ask the operator which role this identity has on the queue");

    /// <summary>The message broker has no such queue.</summary>
    public static ErrorCode MailboxMissing { get; } = new(
        "mailbox_missing",
        ExitCode.NotSetUp,
        "the message broker does not have a queue that the federation needs, or the queue is disabled",
        "check the namespace; the deployment and the invitation of a silo make the queues");

    /// <summary>The message broker answered with an error that is none of the expected ones.</summary>
    public static ErrorCode MailboxFailed { get; } = new(
        "mailbox_failed",
        ExitCode.Failed,
        "the message broker answered with an unexpected error",
        "look at the queue's own metrics; a full queue says so here");

    /// <summary>The key vault does not answer.</summary>
    public static ErrorCode VaultUnreachable { get; } = new(
        "vault_unreachable",
        ExitCode.Unreachable,
        "the key vault did not answer after several tries",
        "check the network, the proxy and the vault's address, then repeat the command");

    /// <summary>The key vault refuses the identity.</summary>
    public static ErrorCode VaultDenied { get; } = new(
        "vault_denied",
        ExitCode.Refused,
        "the key vault refuses this identity for this key or operation",
        "ask the operator which role this identity has on the key");

    /// <summary>The key vault answered with an error that is none of the expected ones.</summary>
    public static ErrorCode VaultFailed { get; } = new(
        "vault_failed",
        ExitCode.Failed,
        "the key vault answered with an unexpected error or result",
        "look at the vault's own log for the request id");
}
