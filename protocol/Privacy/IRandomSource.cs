// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Protocol.Privacy;

/// <summary>A cryptographic generator of random bytes, given by the caller (privacy, rule S1).</summary>
/// <remarks>In a private path it is <see cref="OsRandomSource"/> or <see cref="AesCtrRandomSource"/> with a key from the former; never a seeded generator.</remarks>
public interface IRandomSource
{
    /// <summary>Fills a span with the next bytes.</summary>
    /// <param name="destination">Every byte is overwritten.</param>
    void Fill(Span<byte> destination);
}
