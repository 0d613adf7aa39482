// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Cloud.Keys;
using FedCloud.Coordinator.Keys;
using FedCloud.Coordinator.Messaging;
using FedCloud.Protocol.Signing;

namespace FedCloud.Coordinator.Tests.Runs;

/// <summary>The wrapping key of a vault whose versions all unwrap for as long as they are enabled.</summary>
internal sealed class VaultWrappingKeys(IKeyVault vault, SiloPost post) : IWrappingKeys
{
    public async Task<DsseEnvelope> StatementAsync(CancellationToken cancellation) =>
        await post.WrappingKeyAsync((await vault.EnsureAsync(SiloPost.WrappingKey, KeyKind.Rsa3072, cancellation)).Kid, cancellation);

    public Task<byte[]> UnwrapAsync(string kid, byte[] wrapped, CancellationToken cancellation) => vault.UnwrapAsync(kid, wrapped, cancellation);
}
