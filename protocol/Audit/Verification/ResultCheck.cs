// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Audit.Evidence;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Enrolment;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.SecureAggregation;
using FedCloud.Protocol.Signing;

namespace FedCloud.Protocol.Audit.Verification;

/// <summary>Recomputes the results of secure aggregation whose rounds are in the evidence: every signature, U3, z bit for bit, the checks on the sum, and the new model (V7, V9, V10).</summary>
/// <remarks>One round after another, its vectors side by side and piece by piece: memory does not grow with their length.</remarks>
internal sealed class ResultCheck(EvidenceInventory evidence, KeyRing keys, EnvelopeFiles envelopes, string scratch, Findings findings)
{
    private const string Check = "V9";
    private const int MaxConfigBytes = 256 << 10;

    private static readonly ImmutableArray<ErrorCode> OfSets =
        [ErrorCodes.RoundEvidence, ErrorCodes.AdvertiseListInvalid, ErrorCodes.AckInvalid, ErrorCodes.RoundStartInvalid, ErrorCodes.MaskedInvalid, ErrorCodes.U3ListInvalid, ErrorCodes.ConsistencyInvalid];

    private readonly NextModel _next = new(evidence, scratch);
    private readonly HashSet<string> _read = [];

    /// <summary>Recomputes what can be recomputed, and marks it in the rounds.</summary>
    public async Task RunAsync(RoundCheck rounds, CancellationToken cancellation)
    {
        foreach (RoundRecord round in rounds.Rounds.Where(IsOpened))
        {
            if (await evidence.ReadAsync(EvidenceLayout.Round(round.Rid), cancellation) is { } bytes)
            {
                await RecomputeAsync(round, bytes, cancellation);
            }
        }

        foreach (EvidenceFile file in evidence.Of(EvidenceKind.Round).Concat(evidence.Of(EvidenceKind.Vector)))
        {
            RoundRecord? round = EvidenceLayout.RidIn(file.Path) is { } rid ? rounds.Find(rid) : null;
            if (round is null || !IsOpened(round) || (round.IsSumRecomputed && !_read.Contains(file.Path)))
            {
                findings.AtFile(Check, ErrorCodes.EvidenceMismatch, file.Path, "no result of the log was made of this file");
            }
        }
    }

    private static bool IsOpened(RoundRecord round) => round is { IsPlain: false, Result: not null };

    private async Task RecomputeAsync(RoundRecord round, byte[] bytes, CancellationToken cancellation)
    {
        string path = EvidenceLayout.Round(round.Rid);
        Dictionary<int, Stream> vectors = [];
        try
        {
            RoundEvidence files = RoundEvidence.Parse(bytes);
            if (await ConfigAsync(round, cancellation) is not { } config || !await OpenVectorsAsync(round, files, vectors, cancellation))
            {
                return;
            }

            await using FileStream z = new(Path.Combine(scratch, "z"), FileMode.Create, FileAccess.ReadWrite, FileShare.None);
            ImmutableArray<int> u3 = Verify(round, files, config, vectors, z);
            round.IsSumRecomputed = true;
            _read.UnionWith(u3.Select(idx => EvidenceLayout.Vector(round.Rid, idx)).Append(path));
            foreach (DsseEnvelope envelope in files.Consistencies)
            {
                envelopes.AddVerified(path, envelope);
            }

            if (await _next.RecomputeAsync(round, config, z, u3.Length, cancellation) is { } next)
            {
                round.IsModelRecomputed = next == round.Result?.Subject("new_model");
                if (!round.IsModelRecomputed)
                {
                    findings.AtFile("V10", ErrorCodes.ResultMismatch, path, $"round {round.Round} of {round.Job}: the sum gives model {next.Hex[..16]}…", $"{round.Result?.Subject("new_model").Hex[..16]}…, the result's new model");
                }
            }
        }
        catch (FedCloudException error)
        {
            findings.AtFile(OfSets.Contains(error.Code) ? "V7" : Check, error.Code, path, $"round {round.Round} of {round.Job}: {error.Found}");
        }
        finally
        {
            foreach (Stream vector in vectors.Values)
            {
                await vector.DisposeAsync();
            }
        }
    }

    // Bytes of another digest were found by the check of blobs before, and are as good as missing.
    private async Task<RunConfig?> ConfigAsync(RoundRecord round, CancellationToken cancellation)
    {
        string path = EvidenceLayout.Blob(round.Config);
        if (evidence.Find(path) is not { Length: <= MaxConfigBytes } || await evidence.ReadAsync(path, cancellation) is not { } bytes || Sha256Digest.Of(bytes) != round.Config)
        {
            Missing(round, path);
            return null;
        }

        RunConfig config = RunConfig.Parse(bytes);
        return config.Job == round.Job && config.Aggregation.IsSecure
            ? config
            : throw new FedCloudException(ErrorCodes.RoundEvidence, "the configuration is another run's, or one without secure aggregation");
    }

    // The list is the log's, so a vector that is missing is one that was counted; its length is known before anything is unpacked.
    private async Task<bool> OpenVectorsAsync(RoundRecord round, RoundEvidence files, Dictionary<int, Stream> vectors, CancellationToken cancellation)
    {
        long length = Ring.OfBits((int)round.K).VectorBytes(round.D);
        U3ListBody list = SecureAggregationBody.Parse<U3ListBody>(files.U3List.Payload);
        if (Derivations.U3Hash(round.Rid, list.Members) != round.U3)
        {
            throw new FedCloudException(ErrorCodes.U3ListInvalid, "the list is not the one whose hash the log has");
        }

        foreach (int idx in list.Members.Select(member => member.Idx))
        {
            string path = EvidenceLayout.Vector(round.Rid, idx);
            if (evidence.Find(path) is not { } file)
            {
                Missing(round, path);
                return false;
            }

            if (file.Length != length)
            {
                throw new FedCloudException(ErrorCodes.MaskedLength, $"silo {idx}: expected {length} bytes, found {file.Length}");
            }

            vectors.Add(idx, await evidence.OpenAsync(file, cancellation));
        }

        return true;
    }

    private ImmutableArray<int> Verify(RoundRecord round, RoundEvidence files, RunConfig config, IReadOnlyDictionary<int, Stream> vectors, Stream z)
    {
        if (files.Epoch.RosterSha256 != round.Roster.Digest() || files.Epoch.N != round.Roster.N || files.Epoch.Federation != round.Roster.Federation)
        {
            throw new FedCloudException(ErrorCodes.RoundStartInvalid, "the epoch is of another roster than the one in force");
        }

        RoundTerms terms = new(round.Config, round.D, Ring.OfBits(config.Aggregation.Secure.RingBits), config.Participation.Quorum, config.Privacy.IsClaimed);
        ResultBody result = files.Verify(KeysOf(round.Roster), terms, vectors, z);
        RoundStartBody start = SecureAggregationBody.Parse<RoundStartBody>(files.Start.Payload);
        if (start.Job != round.Job || result.Rid != round.Rid)
        {
            throw new FedCloudException(ErrorCodes.RoundEvidence, "the evidence is another round's");
        }

        Require(round, "u3", result.U3Sha256);
        Require(round, "seeds", result.SeedsSha256);
        Require(round, "aggregate", result.AggregateSha256);
        Require(round, "new_model", result.NewModelSha256);
        RequireMasked(round, files);
        return [.. vectors.Keys.Order()];
    }

    private void Missing(RoundRecord round, string path) => findings.NotRecomputed(Check, $"round {round.Round} of {round.Job}, {round.Rid.Hex[..16]}…: {path} is not in the evidence");

    private RosterKeys KeysOf(Roster roster) => new(
        roster.Members.ToImmutableSortedDictionary(member => member.Idx, member => KeyOf(member.IkSpkiSha256)),
        [.. roster.CoordinatorSpkiSha256.Select(KeyOf)]);

    private VerificationKey KeyOf(Sha256Digest fingerprint) =>
        keys.Find(fingerprint) ?? throw new FedCloudException(ErrorCodes.PublicKeyMissing, $"key {fingerprint.Hex[..16]}… of the roster is not in the evidence");

    private static void Require(RoundRecord round, string subject, Sha256Digest found)
    {
        if (round.Result?.Subject(subject) != found)
        {
            throw new FedCloudException(ErrorCodes.ResultMismatch, $"{subject}: the log's result names another than {found.Hex[..16]}…, which its evidence has");
        }
    }

    // V7: the log names the very bodies that the sum was made of, and no others.
    private static void RequireMasked(RoundRecord round, RoundEvidence files)
    {
        Dictionary<long, Sha256Digest> signed = files.Masked.ToDictionary(envelope => (long)SecureAggregationBody.Parse<MaskedBody>(envelope.Payload).Idx, envelope => envelope.Identity);
        if (signed.Count != round.Count || signed.Any(body => round.Masked.GetValueOrDefault(body.Key) != body.Value))
        {
            throw new FedCloudException(ErrorCodes.RoundEvidence, "the log names other masked bodies than those of the sum, or another number");
        }
    }
}
