// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using Azure.Core;

namespace FedCloud.Cloud.Tests.Credentials;

/// <summary>An identity whose tokens are numbered.</summary>
internal sealed class FakeTokenCredential(TimeProvider time, TimeSpan lifetime) : TokenCredential
{
    private int _asked;

    /// <summary>Runs before a token is given.</summary>
    public Func<Task> Before { get; set; } = () => Task.CompletedTask;

    public int Asked => _asked;

    public string[] Scopes { get; private set; } = [];

    public override AccessToken GetToken(TokenRequestContext requestContext, CancellationToken cancellationToken) => throw new NotSupportedException();

    public override async ValueTask<AccessToken> GetTokenAsync(TokenRequestContext requestContext, CancellationToken cancellationToken)
    {
        int number = Interlocked.Increment(ref _asked);
        Scopes = requestContext.Scopes;
        await Before();
        return new AccessToken($"token{number}", time.GetUtcNow() + lifetime);
    }
}
