// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Text.Json;
using FedCloud.Protocol.Audit.Evidence;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Enrolment;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Runs;
using FedCloud.Protocol.Signing;

namespace FedCloud.Protocol.Audit.Verification;

/// <summary>The signed messages of the evidence: each verifies, and no silo signed two where the rules allow one (V6, V7, V10).</summary>
internal sealed class EnvelopeFiles
{
    private const string SecureAggregationType = "application/vnd.fedcloud.secagg+json";

    private readonly List<(string Path, DsseEnvelope Envelope, JsonElement Body)> _envelopes = [];
    private readonly HashSet<DisclosedFigures> _figures = [];

    /// <summary>What silos disclosed of their evaluations.</summary>
    public ImmutableArray<DisclosedFigures> Figures => [.. _figures.OrderBy(figures => figures.Job.Value, StringComparer.Ordinal).ThenBy(figures => figures.Round).ThenBy(figures => figures.Silo).ThenBy(figures => figures.EvalLoss)];

    public static async Task<EnvelopeFiles> ReadAsync(EvidenceInventory evidence, KeyRing keys, Findings findings, CancellationToken cancellation)
    {
        EnvelopeFiles files = new();
        foreach (EvidenceFile file in evidence.Of(EvidenceKind.Envelope))
        {
            byte[] bytes = await evidence.ReadAsync(file.Path, cancellation) ?? [];
            findings.Try("V7", file.Path, () => files.Add(file.Path, bytes, keys));
        }

        return files;
    }

    /// <summary>Takes a message of a round's evidence too, whose signature was verified there.</summary>
    public void AddVerified(string path, DsseEnvelope envelope)
    {
        using JsonDocument body = JsonDocument.Parse(envelope.Payload);
        _envelopes.Add((path, envelope, body.RootElement.Clone()));
    }

    /// <summary>How many members of the roster signed the rollback to a model.</summary>
    public int Rollbacks(RunId job, long round, Sha256Digest model, Roster roster) => _envelopes
        .Where(file => IsBody(file.Envelope, file.Body, "rollback")
            && string.Equals(TextOf(file.Body, "job"), job.Value, StringComparison.Ordinal)
            && NumberOf(file.Body, "round") == round
            && string.Equals(TextOf(file.Body, "model_sha256"), model.Hex, StringComparison.Ordinal))
        .SelectMany(file => roster.Members.Where(member => member.Idx == NumberOf(file.Body, "idx") && IsSignedBy(file.Envelope, member)))
        .Select(member => member.Idx)
        .Distinct()
        .Count();

    /// <summary>Checks what the envelopes say against each other and the log.</summary>
    public void Check(RoundCheck rounds, IReadOnlyList<Roster> rosters, Findings findings)
    {
        CheckRosters(rosters, findings);
        ReadFigures(rosters, findings);
        Dictionary<(RunId Job, int Round, string Key), string> opened = [];
        foreach ((string path, DsseEnvelope envelope, JsonElement body) in _envelopes.Where(file => IsBody(file.Envelope, file.Body, "consistency")))
        {
            if (TextOf(body, "rid") is not { } rid || !Sha256Digest.IsValid(rid) || rounds.Find(new Sha256Digest(rid)) is not { } round)
            {
                findings.AtFile("V7", ErrorCodes.RoundEvidence, path, "a consistency body of a rid that the log does not have");
                continue;
            }

            string said = $"{rid} {TextOf(body, "u3_sha256")}";
            foreach (DsseSignature signature in envelope.Signatures)
            {
                if (!opened.TryAdd((round.Job, round.Round, signature.KeyId), said) && !string.Equals(opened[(round.Job, round.Round, signature.KeyId)], said, StringComparison.Ordinal))
                {
                    findings.AtFile("V7", ErrorCodes.SignedTwice, path, $"key {signature.KeyId[..16]}… signed another consistency body for round {round.Round} of {round.Job}");
                }
            }
        }
    }

    private void Add(string path, byte[] bytes, KeyRing keys)
    {
        DsseEnvelope envelope = DsseEnvelope.Parse(bytes);
        if (envelope.Signatures.IsDefaultOrEmpty || !envelope.ToJcs().AsSpan().SequenceEqual(bytes) || envelope.Identity != EvidenceLayout.NameOf(path))
        {
            throw new FedCloudException(ErrorCodes.EvidenceMismatch, "the envelope is not the one that its name says, or is written in another way");
        }

        foreach (DsseSignature signature in envelope.Signatures)
        {
            VerificationKey key = (Sha256Digest.IsValid(signature.KeyId) ? keys.Find(new Sha256Digest(signature.KeyId)) : null)
                ?? throw new FedCloudException(ErrorCodes.PublicKeyMissing, "a key that signed the envelope is not in the evidence");
            if (!key.Verify(Dsse.Pae(envelope.PayloadType, envelope.Payload), signature.Sig))
            {
                throw new FedCloudException(ErrorCodes.SignatureInvalid, "a signature of the envelope does not verify");
            }
        }

        try
        {
            using JsonDocument body = JsonDocument.Parse(envelope.Payload, new JsonDocumentOptions { MaxDepth = Jcs.MaxDepth, AllowDuplicateProperties = false });
            _envelopes.Add((path, envelope, body.RootElement.Clone()));
        }
        catch (JsonException error)
        {
            throw new FedCloudException(ErrorCodes.BodyMalformed, "the body is no JSON", cause: error);
        }
    }

    // RS2: a member signs one roster per version.
    private void CheckRosters(IReadOnlyList<Roster> rosters, Findings findings)
    {
        foreach ((string path, DsseEnvelope envelope, JsonElement body) in _envelopes.Where(file => string.Equals(file.Envelope.PayloadType, Roster.PayloadType, StringComparison.Ordinal)))
        {
            Roster? logged = rosters.FirstOrDefault(roster => roster.Version == NumberOf(body, "version"));
            if (logged is not null && Sha256Digest.Of(envelope.Payload) != logged.Digest())
            {
                findings.AtFile("V6", ErrorCodes.SignedTwice, path, $"{envelope.Signatures.Length} keys signed another roster of version {logged.Version} than the logged one");
            }
        }
    }

    // The body's index is of the roster that its sender knew; whose the figures are, the key says.
    private void ReadFigures(IReadOnlyList<Roster> rosters, Findings findings)
    {
        ILookup<string, SiloId> members = rosters.SelectMany(roster => roster.Members).ToLookup(member => member.IkSpkiSha256.Hex, member => member.SiloId, StringComparer.Ordinal);
        foreach ((string path, DsseEnvelope envelope, _) in _envelopes.Where(file => string.Equals(file.Envelope.PayloadType, RunBody.MetricsPayloadType, StringComparison.Ordinal)))
        {
            findings.Try("V7", path, () =>
            {
                MetricsBody body = MetricsBody.Parse(envelope.Payload);
                _ = envelope.Signatures is [var signature] && members[signature.KeyId].Any()
                    ? _figures.Add(new DisclosedFigures(body.Job, body.Round, members[signature.KeyId].First(), body.EvalLossValue))
                    : throw new FedCloudException(ErrorCodes.SignatureInvalid, "expected figures signed by one member's identity key, found another signer");
            });
        }
    }

    private static bool IsBody(DsseEnvelope envelope, JsonElement body, string type) =>
        string.Equals(envelope.PayloadType, SecureAggregationType, StringComparison.Ordinal) && string.Equals(TextOf(body, "type"), type, StringComparison.Ordinal);

    private static bool IsSignedBy(DsseEnvelope envelope, RosterMember member) =>
        envelope.Signatures.Any(signature => string.Equals(signature.KeyId, member.IkSpkiSha256.Hex, StringComparison.Ordinal));

    private static string? TextOf(JsonElement body, string name) =>
        body.ValueKind == JsonValueKind.Object && body.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static long? NumberOf(JsonElement body, string name) =>
        body.ValueKind == JsonValueKind.Object && body.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out long number) ? number : null;
}
