// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using Azure.Core;
using Azure.Identity;
using FedCloud.Protocol.Errors;

namespace FedCloud.Cloud.Credentials;

/// <summary>The token of one identity for one service, asked for again five minutes before it ends.</summary>
/// <param name="credential">The identity.</param>
/// <param name="scope">The service.</param>
/// <param name="time">The clock; null for the system's.</param>
public sealed class EntraToken(TokenCredential credential, string scope, TimeProvider? time = null) : IDisposable
{
    /// <summary>The scope of Azure Storage.</summary>
    public const string StorageScope = "https://storage.azure.com/.default";

    private static readonly TimeSpan Early = TimeSpan.FromMinutes(5);

    private readonly TimeProvider _time = time ?? TimeProvider.System;
    private readonly SemaphoreSlim _asking = new(1);
    private AccessToken? _known;

    /// <summary>A token that is valid now. Of many callers one asks, the others wait for its answer.</summary>
    /// <exception cref="FedCloudException"><c>sign_in_failed</c>.</exception>
    public async Task<string> GetAsync(CancellationToken cancellation)
    {
        await _asking.WaitAsync(cancellation);
        try
        {
            if (_known is not { } known || known.ExpiresOn - Early <= _time.GetUtcNow())
            {
                known = await credential.GetTokenAsync(new TokenRequestContext([scope]), cancellation);
                _known = known;
            }

            return known.Token;
        }
        catch (AuthenticationFailedException error)
        {
            throw new FedCloudException(ErrorCodes.SignInFailed, $"expected a token for {scope}, found none", cause: error);
        }
        finally
        {
            _asking.Release();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _asking.Dispose();
}
