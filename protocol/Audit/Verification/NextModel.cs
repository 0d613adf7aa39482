// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Security.Cryptography;
using FedCloud.Protocol.Adapters;
using FedCloud.Protocol.Aggregation;
using FedCloud.Protocol.Audit.Evidence;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Safetensors;
using FedCloud.Protocol.SecureAggregation;

namespace FedCloud.Protocol.Audit.Verification;

/// <summary>From a recomputed sum to the model that follows: the checks of secure-aggregation, section 8.2, the gate, and one server step.</summary>
/// <param name="evidence">The evidence.</param>
/// <param name="scratch">A folder for mean and versions.</param>
internal sealed class NextModel(EvidenceInventory evidence, string scratch)
{
    /// <summary>Opens a sum.</summary>
    /// <param name="round">The round.</param>
    /// <param name="config">Its configuration.</param>
    /// <param name="z">The sum.</param>
    /// <param name="contributors">|U3|.</param>
    /// <param name="cancellation">Stops it.</param>
    /// <returns>The digest of the version that follows; null where the one before it is not in the evidence, and then a rotated sum keeps its padding, and a plan's own gate on it is left out.</returns>
    /// <exception cref="FedCloudException"><c>sum_out_of_bounds</c>, <c>gate_failed</c>, <c>round_start_invalid</c>, or the version before is malformed.</exception>
    public async Task<Sha256Digest?> RecomputeAsync(RoundRecord round, RunConfig config, Stream z, int contributors, CancellationToken cancellation)
    {
        string? path = await CopyAsync(round.Model, cancellation);
        using SafetensorsFile? previous = path is null ? null : SafetensorsFile.Open(path, SafetensorsLimits.Foreign);
        await using FileStream mean = new(Path.Combine(scratch, "mean.f32"), FileMode.Create, FileAccess.ReadWrite, FileShare.None);
        if (previous is null)
        {
            SumTerms terms = TermsOf(round, config, round.D - 1);
            SumOpening.Open(terms.Layout.Rotated ? terms with { NormMaximum = null } : terms, round.Rid, contributors, z, mean);
            return null;
        }

        (AdapterLayout layout, int version) = ModelVersionFile.Describe(config, previous.Header);
        ExchangedFactor exchanged = config.FactorsOf(version);
        SumOpening.Open(TermsOf(round, config, layout.UpdateCoordinates(exchanged)), round.Rid, contributors, z, mean);
        string next = Path.Combine(scratch, "next.safetensors");
        ModelVersionFile.WriteNext(next, config, layout, previous, version + 1, exchanged, mean);
        await using FileStream file = File.OpenRead(next);
        return Sha256Digest.FromBytes(await SHA256.HashDataAsync(file, cancellation));
    }

    private static SumTerms TermsOf(RoundRecord round, RunConfig config, long coordinates) =>
        coordinates >= 1 && PlannedRing.TermsOf(config, round.Roster.N, coordinates) is { } terms && terms.Layout.D == round.D
            ? terms
            : throw new FedCloudException(ErrorCodes.RoundStartInvalid, $"expected as many coordinates as configuration and model give, found {round.D}");

    // Digested before it is copied: nothing but the model itself takes room on the disk.
    private async Task<string?> CopyAsync(Sha256Digest model, CancellationToken cancellation)
    {
        if (evidence.Find(EvidenceLayout.Blob(model)) is not { } file || await evidence.DigestAsync(file, cancellation) != model)
        {
            return null;
        }

        string path = Path.Combine(scratch, "previous.safetensors");
        await using (Stream from = await evidence.OpenAsync(file, cancellation))
        await using (FileStream to = new(path, FileMode.Create, FileAccess.Write, FileShare.None))
        {
            await from.CopyToAsync(to, cancellation);
        }

        return path;
    }
}
