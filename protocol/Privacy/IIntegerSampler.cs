// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Protocol.Privacy;

/// <summary>Draws integers from an exact distribution.</summary>
public interface IIntegerSampler
{
    /// <summary>The next draw.</summary>
    long Next();
}
