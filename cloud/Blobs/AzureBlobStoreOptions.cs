// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using Azure.Core;
using Azure.Storage.Blobs;

namespace FedCloud.Cloud.Blobs;

/// <summary>How an <see cref="AzureBlobStore"/> sends.</summary>
public sealed record AzureBlobStoreOptions
{
    /// <summary>Content up to so many bytes goes in one request; larger content by staged blocks. Default 8 MiB, which passes a line of 1 Mbit/s within the patience.</summary>
    public long SinglePutBytes { get; init; } = 8 << 20;

    /// <summary>The size of a staged block; one is held in memory at a time. At most 50,000 make a blob. Default 8 MiB.</summary>
    public int BlockBytes { get; init; } = 8 << 20;

    /// <summary>How many times a request is sent again. Default 4.</summary>
    public int Retries { get; init; } = 4;

    /// <summary>The wait before the first retry; it doubles with each, with jitter. Default 0.2 seconds.</summary>
    public TimeSpan Delay { get; init; } = TimeSpan.FromMilliseconds(200);

    /// <summary>The longest wait between retries. Default 5 seconds.</summary>
    public TimeSpan MaxDelay { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>How long one try may take, upload included, and how long an answer's body may stand still. Default 100 seconds.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(100);

    internal BlobClientOptions ToClientOptions()
    {
        BlobClientOptions options = new();
        options.Retry.Mode = RetryMode.Exponential;
        options.Retry.MaxRetries = Retries;
        options.Retry.Delay = Delay;
        options.Retry.MaxDelay = MaxDelay;
        options.Retry.NetworkTimeout = Patience;
        return options;
    }
}
