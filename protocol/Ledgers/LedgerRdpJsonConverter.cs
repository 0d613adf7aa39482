// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Privacy;

namespace FedCloud.Protocol.Ledgers;

/// <summary>Reads and writes an RDP vector as one decimal string for each order of the ledger's grid, null where there is no bound.</summary>
public sealed class LedgerRdpJsonConverter : JsonConverter<LedgerRdp>
{
    /// <inheritdoc/>
    public override LedgerRdp Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        ImmutableArray<decimal?>.Builder values = ImmutableArray.CreateBuilder<decimal?>(RdpOrders.Ledger.Length);
        bool isArray = reader.TokenType == JsonTokenType.StartArray;
        while (isArray && reader.Read() && reader.TokenType != JsonTokenType.EndArray && values.Count <= RdpOrders.Ledger.Length)
        {
            values.Add(reader.TokenType switch
            {
                JsonTokenType.Null => null,
                JsonTokenType.String => DecimalString.Parse(reader.GetString()) ?? throw new JsonException("not a canonical decimal string"),
                _ => throw new JsonException("neither a decimal string nor null"),
            });
        }

        try
        {
            return LedgerRdp.OfValues(values.ToImmutable());
        }
        catch (FedCloudException error)
        {
            throw new JsonException(error.Found, error);
        }
    }

    /// <inheritdoc/>
    public override void Write(Utf8JsonWriter writer, LedgerRdp value, JsonSerializerOptions options)
    {
        ArgumentNullException.ThrowIfNull(writer);
        ArgumentNullException.ThrowIfNull(value);
        writer.WriteStartArray();
        foreach (decimal? order in value.Values)
        {
            if (order is { } bound)
            {
                writer.WriteStringValue(DecimalString.Format(bound));
            }
            else
            {
                writer.WriteNullValue();
            }
        }

        writer.WriteEndArray();
    }
}
