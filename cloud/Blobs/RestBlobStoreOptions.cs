// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Cloud.Blobs;

/// <summary>How a <see cref="RestBlobStore"/> sends.</summary>
public sealed record RestBlobStoreOptions
{
    /// <summary>Content up to so many bytes goes in one request; larger content by staged blocks, where the credential allows them. Default 256 MiB.</summary>
    public long SinglePutBytes { get; init; } = 256L << 20;

    /// <summary>The size of a staged block; one is held in memory at a time. At most 50,000 make a blob. Default 8 MiB.</summary>
    public int BlockBytes { get; init; } = 8 << 20;

    /// <summary>How many times a request is sent at most. Default 5.</summary>
    public int Tries { get; init; } = 5;

    /// <summary>How long one try may take until the answer begins, and how long an answer's body may stand still. Uploads get a second more for each 128 KiB. Default 30 seconds.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(30);
}
