// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using Azure.Core;
using Azure.Security.KeyVault.Keys;
using Azure.Security.KeyVault.Keys.Cryptography;

namespace FedCloud.Cloud.Keys;

/// <summary>How an <see cref="AzureKeyVault"/> sends. A vault takes some 4,000 operations in 10 seconds and answers 429 above that.</summary>
public sealed record AzureKeyVaultOptions
{
    /// <summary>How many times a request is sent again. Default 4.</summary>
    public int Retries { get; init; } = 4;

    /// <summary>The wait before the first retry; it doubles with each, with jitter. Default 0.5 seconds.</summary>
    public TimeSpan Delay { get; init; } = TimeSpan.FromMilliseconds(500);

    /// <summary>The longest wait between retries. Default 10 seconds.</summary>
    public TimeSpan MaxDelay { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How long one try may take. Default 30 seconds.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(30);

    internal KeyClientOptions ToKeyOptions()
    {
        KeyClientOptions options = new();
        ApplyTo(options.Retry);
        return options;
    }

    internal CryptographyClientOptions ToCryptographyOptions()
    {
        CryptographyClientOptions options = new();
        ApplyTo(options.Retry);
        return options;
    }

    private void ApplyTo(RetryOptions retry)
    {
        retry.Mode = RetryMode.Exponential;
        retry.MaxRetries = Retries;
        retry.Delay = Delay;
        retry.MaxDelay = MaxDelay;
        retry.NetworkTimeout = Patience;
    }
}
