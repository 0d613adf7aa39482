// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using Microsoft.DurableTask;

namespace FedCloud.Functions.Tests.Durable;

/// <summary>A policy as options of a call.</summary>
internal static class RetryPolicyOptions
{
    public static TaskOptions Options(this RetryPolicy policy) => TaskOptions.FromRetryPolicy(policy);
}
