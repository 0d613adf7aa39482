// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Functions.Tests.Durable;

/// <summary>Something was put into a history that belongs into a blob.</summary>
public sealed class PayloadTooLongException(int bytes, int limit, string json)
    : Exception($"a payload of {bytes} bytes is over the limit of {limit}: {json[..Math.Min(json.Length, 80)]}…");
