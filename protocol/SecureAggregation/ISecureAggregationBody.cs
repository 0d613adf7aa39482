// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text.Json.Serialization.Metadata;

namespace FedCloud.Protocol.SecureAggregation;

/// <summary>A signed body of FCSA-1 (secure-aggregation, section 4.1). All have the payload type <see cref="Fcsa1.PayloadType"/>.</summary>
/// <typeparam name="TSelf">The body.</typeparam>
public interface ISecureAggregationBody<TSelf>
    where TSelf : class, ISecureAggregationBody<TSelf>
{
    /// <summary>The value of the member <c>type</c>.</summary>
    static abstract string Name { get; }

    /// <summary>The strict JSON form.</summary>
    static abstract JsonTypeInfo<TSelf> Json { get; }

    /// <summary>The member <c>type</c>.</summary>
    string Type { get; }

    /// <summary>What is wrong with the members by themselves, or null.</summary>
    string? Fault();
}
