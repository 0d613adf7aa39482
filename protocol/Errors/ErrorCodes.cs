// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Frozen;
using System.Reflection;

namespace FedCloud.Protocol.Errors;

/// <summary>Every error code that exists. Each capability lists its codes in a file of its own beside this one.</summary>
public static partial class ErrorCodes
{
    private static readonly Lazy<FrozenDictionary<string, ErrorCode>> ByName = new(Collect);

    private static readonly Lazy<FrozenSet<ErrorCode>> Operational = new(static () => FrozenSet.ToFrozenSet(
    [
        StorageUnreachable, StorageDenied, StorageFailed, ContainerMissing, CoordinatorUnreachable, DiskFull,
        KeyMissing, KeyUnusable, KeyFilePermissions, LockLost, LogLeaseLost, LogUnread,
        SignInFailed, MailboxUnreachable, MailboxDenied, MailboxMissing, MailboxFailed, VaultUnreachable, VaultDenied, VaultFailed,
    ]));

    /// <summary>All codes by name.</summary>
    public static FrozenDictionary<string, ErrorCode> All => ByName.Value;

    /// <summary>Whether the trouble lies with this machine or the services that it uses, and not with what it was handling: that is kept, and tried again later.</summary>
    public static bool IsOperational(ErrorCode code)
    {
        ArgumentNullException.ThrowIfNull(code);
        return Operational.Value.Contains(code);
    }

    private static FrozenDictionary<string, ErrorCode> Collect() =>
        typeof(ErrorCodes)
            .GetProperties(BindingFlags.Public | BindingFlags.Static)
            .Where(property => property.PropertyType == typeof(ErrorCode))
            .Select(property => (ErrorCode)property.GetValue(null)!)
            .ToFrozenDictionary(code => code.Name, StringComparer.Ordinal);
}
