// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text;
using System.Text.Json;
using Microsoft.DurableTask;

namespace FedCloud.Functions.Tests.Durable;

/// <summary>Values as JSON, as they cross every boundary, and never longer than the limit.</summary>
internal sealed class Payloads(DurableTestOptions options) : DataConverter
{
    private const int MaxStatusBytes = 16 * 1024;

    public override string? Serialize(object? value)
    {
        string? json = value is null ? null : JsonSerializer.Serialize(value, value.GetType(), options.Json);
        return Check(json);
    }

    /// <summary>A status is limited as UTF-16, by the services too.</summary>
    public string? SerializeStatus(object? value)
    {
        string? json = Serialize(value);
        return json is null || Encoding.Unicode.GetByteCount(json) <= MaxStatusBytes ? json : throw new PayloadTooLongException(Encoding.Unicode.GetByteCount(json), MaxStatusBytes, json);
    }

    public override object? Deserialize(string? data, Type targetType) => data is null ? null : JsonSerializer.Deserialize(data, targetType, options.Json);

    public T? Read<T>(string? json) => json is null ? default : JsonSerializer.Deserialize<T>(json, options.Json);

    public string? Check(string? json)
    {
        int bytes = json is null ? 0 : Encoding.UTF8.GetByteCount(json);
        return bytes <= options.MaxPayloadBytes ? json : throw new PayloadTooLongException(bytes, options.MaxPayloadBytes, json!);
    }
}
