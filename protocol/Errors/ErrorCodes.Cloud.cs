// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Protocol.Errors;

public static partial class ErrorCodes
{
    /// <summary>The storage does not answer.</summary>
    public static ErrorCode StorageUnreachable { get; } = new(
        "storage_unreachable",
        ExitCode.Unreachable,
        "the blob storage did not answer after several tries",
        "check the network, the proxy and the endpoint, then repeat the command");

    /// <summary>The storage refuses the credential.</summary>
    public static ErrorCode StorageDenied { get; } = new(
        "storage_denied",
        ExitCode.Refused,
        "the blob storage refuses this credential for this container or operation",
        "ask the operator for a fresh invitation, and check the clock");

    /// <summary>The storage answered with an error that is none of the expected ones.</summary>
    public static ErrorCode StorageFailed { get; } = new(
        "storage_failed",
        ExitCode.Failed,
        "the blob storage answered with an unexpected error",
        "look at the storage's own log for the request id");

    /// <summary>The storage has no such container.</summary>
    public static ErrorCode ContainerMissing { get; } = new(
        "container_missing",
        ExitCode.NotSetUp,
        "the blob storage does not have a container that the federation needs",
        "check the storage endpoint, and start the coordinator once: it makes the containers");

    /// <summary>A blob is larger than the reader allows.</summary>
    public static ErrorCode BlobTooLarge { get; } = new(
        "blob_too_large",
        ExitCode.Unusable,
        "a blob is larger than its reader allows",
        "do not use it; check who wrote it");

    /// <summary>A lock on a message has passed to somebody else.</summary>
    public static ErrorCode LockLost { get; } = new(
        "lock_lost",
        ExitCode.Failed,
        "the lock on a message was lost before the message was done",
        "nothing: the message is delivered again");

    /// <summary>A message cannot be handled.</summary>
    public static ErrorCode DeliveryLimit { get; } = new(
        "delivery_limit",
        ExitCode.Failed,
        "a message was delivered as often as is allowed and never done",
        "look at the receiver's log for what went wrong with this message");

    /// <summary>A key file can be read by others.</summary>
    public static ErrorCode KeyFilePermissions { get; } = new(
        "key_file_permissions",
        ExitCode.NotSetUp,
        "a private key's file or folder can be read by other users",
        "set mode 0600 on the file and 0700 on the folder; if others could read it, make a new key");

    /// <summary>A key does not exist.</summary>
    public static ErrorCode KeyMissing { get; } = new(
        "key_missing",
        ExitCode.NotSetUp,
        "a key or key version does not exist in this vault",
        "check the key's identifier, or set the vault up first");

    /// <summary>A key file does not hold the key it should.</summary>
    public static ErrorCode KeyUnusable { get; } = new(
        "key_unusable",
        ExitCode.NotSetUp,
        "a key file is damaged, or the key is of another kind than is asked for",
        "restore the file from a backup, or make a new key version");

    /// <summary>Node.js or npm is absent.</summary>
    public static ErrorCode NodeMissing { get; } = new(
        "node_missing",
        ExitCode.NotSetUp,
        "Node.js or npm is not installed, and the local storage emulator needs them",
        "install Node.js 20 or later from nodejs.org or your distribution");

    /// <summary>The storage emulator could not be installed.</summary>
    public static ErrorCode AzuriteNotInstallable { get; } = new(
        "azurite_not_installable",
        ExitCode.NotSetUp,
        "npm could not install the storage emulator azurite",
        "check that npm reaches its registry, or set FEDCLOUD_AZURITE to a folder where azurite is installed");

    /// <summary>A process of the local federation did not start.</summary>
    public static ErrorCode ProcessNotStarted { get; } = new(
        "process_not_started",
        ExitCode.Failed,
        "a process of the local federation did not become ready",
        "look at its log file in the output folder");

    /// <summary>A port is taken.</summary>
    public static ErrorCode PortInUse { get; } = new(
        "port_in_use",
        ExitCode.NotSetUp,
        "the port is in use by another process",
        "choose another port, or leave it out and get a free one");
}
