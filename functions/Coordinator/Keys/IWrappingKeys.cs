// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Cloud.Keys;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Signing;

namespace FedCloud.Coordinator.Keys;

/// <summary>The wrapping key KEK as runs use it.</summary>
public interface IWrappingKeys : IKeyUnwrapper
{
    /// <summary>The coordinator's signed statement of the version in use.</summary>
    /// <exception cref="FedCloudException"><c>key_missing</c>.</exception>
    Task<DsseEnvelope> StatementAsync(CancellationToken cancellation);
}
