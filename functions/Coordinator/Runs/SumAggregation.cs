// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Security.Cryptography;
using FedCloud.Cloud.Blobs;
using FedCloud.Coordinator.Epochs;
using FedCloud.Coordinator.SecureAggregation;
using FedCloud.Coordinator.Storage;
using FedCloud.Protocol.Adapters;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Rounds;
using FedCloud.Protocol.SecureAggregation;
using FedCloud.Protocol.Signing;

namespace FedCloud.Coordinator.Runs;

/// <summary>R7: from the revealed shares to the sum, the mean and the version that follows. Secrets live within one call.</summary>
/// <param name="archive">What is stored of epochs and rounds.</param>
/// <param name="unmask">Reads revealed shares.</param>
/// <param name="aggregation">Makes the version from the mean.</param>
/// <param name="time">The clock.</param>
/// <param name="scratch">A folder for temporary files.</param>
/// <param name="workers">How many ranges of a sum are computed at a time.</param>
public sealed class SumAggregation(EpochArchive archive, UnmaskReader unmask, RoundAggregation aggregation, TimeProvider time, string scratch, int workers)
{
    private readonly SecureSum _sum = new(archive.Shelf.Store);

    /// <summary>Computes a part of the sum beforehand. A part that cannot be computed is left to <see cref="RunAsync"/>, which says why.</summary>
    public async Task RunPartAsync(RunConfig config, AdapterLayout layout, OpenSum effect, int part, PartShelf parts, CancellationToken cancellation)
    {
        await RecoverAsync(config, effect, async (scope, agreement, secrets) =>
        {
            using TemporaryFolder folder = new(scratch);
            string path = folder.File("part");
            try
            {
                await _sum.RunPartAsync(InputsOf(config, layout, effect, scope, agreement, secrets), part, path, workers, cancellation);
            }
            catch (FedCloudException error) when (!ErrorCodes.IsOperational(error.Code))
            {
                return null;
            }

            await parts.PutAsync(part, path, cancellation);
            return null;
        }, cancellation);
    }

    /// <summary>Opens a sum; the same bytes whenever it is repeated.</summary>
    /// <returns><see cref="AggregateReady"/>, <see cref="SumNeedsMore"/> or <see cref="SumFailed"/>.</returns>
    public async Task<RunEvent> RunAsync(RunConfig config, AdapterLayout layout, OpenSum effect, PartShelf parts, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(layout);
        return await RecoverAsync(config, effect, (scope, agreement, secrets) => OpenAsync(config, layout, effect, scope, agreement, secrets, parts, cancellation), cancellation)
            ?? throw new InvalidOperationException("a sum that is opened has a result");
    }

    // Calls back with the secrets, which live until that ends; else the event says why there are none.
    private async Task<RunEvent?> RecoverAsync(RunConfig config, OpenSum effect, Func<RoundScope, U3Agreement, RevealedSecrets, Task<RunEvent?>> recovered, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(effect);
        RoundOpening opening = effect.Opening;
        RoundSlot slot = opening.Slot ?? throw new InvalidOperationException("a sum is opened under secure aggregation");
        ImmutableSortedDictionary<int, VerificationKey> keys = await archive.KeysAsync(slot.RosterSha256, cancellation);
        EpochMembers members = await archive.MembersAsync(slot.Sid, cancellation);
        RoundScope scope = RoundScope.Create(members, opening.Cohort, slot.Slot, opening.Round, opening.ModelSha256, opening.ConfigSha256, slot.D, Ring.OfBits(slot.K));
        List<DsseEnvelope> masked = [];
        foreach ((int idx, MaskedReference reference) in effect.Masked)
        {
            masked.Add(await archive.Shelf.EnvelopeAsync(SecureShelf.Masked(opening.Job, opening.Round, effect.Rid, idx, reference.Identity), cancellation));
        }

        U3Agreement agreement = U3Agreement.Open(scope, effect.List, masked, keys, config.Participation.Quorum, config.Privacy.IsClaimed);
        using SecretRecovery recovery = new(scope, agreement, await archive.DealtAsync(slot.Sid, cancellation));
        ImmutableSortedDictionary<int, string> faulty = await CollectAsync(effect, recovery, keys, cancellation);
        switch (recovery.Recover())
        {
            case Recovery.Complete complete:
                using (complete.Secrets)
                {
                    return await recovered(scope, agreement, complete.Secrets);
                }

            case Recovery.Inconsistent inconsistent:
                return new SumFailed(time.GetUtcNow(), effect.Rid, ErrorCodes.SecretMismatch.Name, inconsistent.Dealers.ToImmutableSortedDictionary(dealer => dealer, _ => ErrorCodes.SecretMismatch.Name));
            default:
                return new SumNeedsMore(time.GetUtcNow(), effect.Rid, faulty);
        }
    }

    // A silo whose body is no use, or holds a share that its dealer did not commit to, is named; the good shares count all the same.
    private async Task<ImmutableSortedDictionary<int, string>> CollectAsync(
        OpenSum effect, SecretRecovery recovery, ImmutableSortedDictionary<int, VerificationKey> keys, CancellationToken cancellation)
    {
        SortedDictionary<int, string> faulty = [];
        foreach ((SiloId silo, RevealedAnswer answer) in effect.Answered)
        {
            BlobName name = new(UploadName.Container(silo), UploadName.Unmask(effect.Opening.Job, effect.Opening.Round, effect.Rid, answer.Unmask.Attempt));
            try
            {
                DsseEnvelope envelope = await unmask.ReadAsync(name, effect.Rid, answer.Idx, cancellation);
                bool wrong = !recovery.Add(envelope, keys).IsEmpty;
                CryptographicOperations.ZeroMemory(envelope.Payload);
                if (wrong || !recovery.Responders.Contains(answer.Idx))
                {
                    faulty[answer.Idx] = wrong ? ErrorCodes.ShareCommitmentMismatch.Name : ErrorCodes.UnmaskInvalid.Name;
                }
            }
            catch (FedCloudException error) when (!ErrorCodes.IsOperational(error.Code))
            {
                faulty[answer.Idx] = error.Code.Name;
            }
        }

        return faulty.ToImmutableSortedDictionary();
    }

    private async Task<RunEvent?> OpenAsync(
        RunConfig config, AdapterLayout layout, OpenSum effect, RoundScope scope, U3Agreement agreement, RevealedSecrets secrets, PartShelf parts, CancellationToken cancellation)
    {
        RoundOpening opening = effect.Opening;
        await archive.Shelf.Store.PutOnceAsync(SecureShelf.Secrets(opening.Job, opening.Round, effect.Rid), OpenedSecrets.ToJson(secrets), cancellation);
        using TemporaryFolder folder = new(scratch);
        string z = folder.File("z");
        string mean = folder.File("mean.f32");
        OpenedSum opened;
        try
        {
            opened = await _sum.RunAsync(InputsOf(config, layout, effect, scope, agreement, secrets), z, mean, workers, parts, cancellation);
        }
        catch (FedCloudException error) when (!ErrorCodes.IsOperational(error.Code))
        {
            return new SumFailed(time.GetUtcNow(), effect.Rid, error.Code.Name, ImmutableSortedDictionary<int, string>.Empty);
        }

        await BlobFiles.PutOnceAsync(archive.Shelf.Store, SecureShelf.Sum(opening.Job, opening.Round, effect.Rid), z, cancellation);
        await BlobFiles.PutOnceAsync(archive.Shelf.Store, StorageNames.Sum(opening.Job, opening.Round), z, cancellation);
        AggregateReference stepped = await aggregation.StepAsync(config, layout, ExchangedOf(opening), opening.Round, opening.Model, folder, mean, cancellation);
        return new AggregateReady(time.GetUtcNow(), effect.Rid, stepped with { AggregateSha256 = opened.AggregateSha256, Norm = opened.Norm, SeedsSha256 = secrets.SeedsSha256() });
    }

    private static ExchangedFactor ExchangedOf(RoundOpening opening) =>
        ExchangedFactorExtensions.FromWire(opening.Exchanged) ?? throw new InvalidOperationException("a round names its factors");

    private static SecureSumInputs InputsOf(RunConfig config, AdapterLayout layout, OpenSum effect, RoundScope scope, U3Agreement agreement, RevealedSecrets secrets) => new()
    {
        Scope = scope,
        Agreement = agreement,
        Secrets = secrets,
        Terms = PlannedRing.TermsOf(config, scope.Members.Parameters.N, layout.UpdateCoordinates(ExchangedOf(effect.Opening))),
        Vectors = agreement.U3.ToImmutableSortedDictionary(u => u, u => SecureShelf.Vector(effect.Opening.Job, effect.Opening.Round, effect.Rid, u)),
    };
}
