// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Signing;

namespace FedCloud.Protocol.Audit;

/// <summary>An entry on its way to the coordinator: the envelope's one signature is the entry's own.</summary>
public static class EntryEnvelope
{
    /// <summary>The entry as an envelope.</summary>
    public static DsseEnvelope Of(LogEntry entry)
    {
        ArgumentNullException.ThrowIfNull(entry);
        EntrySignature signature = entry.Dsse ?? throw new ArgumentException("expected a signed entry", nameof(entry));
        return new DsseEnvelope { PayloadType = LogEntry.PayloadType, Payload = entry.SignedBytes(), Signatures = [new DsseSignature(signature.KeyId.Hex, signature.Sig)] };
    }

    /// <summary>The entry in an envelope, strictly read; its signature is checked where it is admitted.</summary>
    /// <exception cref="FedCloudException"><c>entry_malformed</c>, or as <see cref="LogEntry.Parse"/>.</exception>
    public static LogEntry Read(DsseEnvelope envelope)
    {
        ArgumentNullException.ThrowIfNull(envelope);
        if (!string.Equals(envelope.PayloadType, LogEntry.PayloadType, StringComparison.Ordinal) || envelope.Signatures is not [{ } signature])
        {
            throw LogEntry.Malformed("expected an entry with one signature");
        }

        LogEntry unsigned = Jcs.Parse(envelope.Payload, LogEntryJson.Default.LogEntry, "entry");
        return unsigned.Dsse is null
            ? LogEntry.Parse(unsigned.WithSignature(signature.Sig).ToBytes())
            : throw LogEntry.Malformed("expected an entry whose signature is the envelope's, found one inside");
    }
}
