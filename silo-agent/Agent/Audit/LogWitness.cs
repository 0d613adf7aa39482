// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Audit.Witnesses;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Safetensors;
using FedCloud.Protocol.Signing;
using FedCloud.SiloAgent.Homes;
using FedCloud.SiloAgent.Messaging;

namespace FedCloud.SiloAgent.Audit;

/// <summary>The silo's witness at work: carries out what <see cref="WitnessMachine"/> decides.</summary>
public sealed class LogWitness
{
    // These say that the log has another history. Other refusals say that the checkpoint is not the log's at all.
    private static readonly ErrorCode[] OtherHistory = [ErrorCodes.LogFork, ErrorCodes.ConsistencyFailed, ErrorCodes.CheckpointOlder, ErrorCodes.RootMismatch];

    private readonly SiloHome _home;
    private readonly LogFiles _files;
    private readonly CoordinatorPost _post;
    private WitnessState? _state;
    private string? _sent;

    /// <summary>Takes up the state that was written last; without one, the witness begins anew.</summary>
    public LogWitness(SiloHome home, LogFiles files, CoordinatorPost post)
    {
        _home = home;
        _files = files;
        _post = post;
        _state = File.Exists(home.WitnessStatePath) ? WitnessState.TryParse(File.ReadAllBytes(home.WitnessStatePath)) : null;
    }

    /// <summary>The last checkpoint that was signed; null for none.</summary>
    public SignedNote? Signed => _state?.Signed;

    /// <summary>Shows the witness a checkpoint. It signs and sends its line once for each, and again after a restart.</summary>
    /// <returns>Null when the checkpoint is accepted.</returns>
    /// <exception cref="FedCloudException">The checkpoint is not of this log or its key, or its files cannot be read.</exception>
    public async Task<LogLook.Refused?> ShowAsync(SignedNote head, WitnessSettings settings, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(head);
        if (string.Equals(head.Text, _sent, StringComparison.Ordinal))
        {
            return null;
        }

        WitnessStep step = WitnessMachine.Step(_state, settings, new CheckpointShown(head, await ProofAsync(head, cancellation)));
        if (step.Effects is [ReadLog all])
        {
            step = WitnessMachine.Step(_state, settings, new LogRead(head, await ReadAsync(all.Size, cancellation)));
        }

        foreach (WitnessEffect effect in step.Effects)
        {
            await CarryOutAsync(effect, cancellation);
        }

        return step.Refused is null ? null
            : OtherHistory.Contains(step.Refused) ? Refuse(step.Refused, head)
            : throw new FedCloudException(step.Refused, "the newest checkpoint is not one that the log's key of the roster in force signed");
    }

    private async Task CarryOutAsync(WitnessEffect effect, CancellationToken cancellation)
    {
        switch (effect)
        {
            case WriteState write:
                WholeFile.Write(_home.WitnessStatePath, write.State.ToJson());
                _state = write.State;
                break;
            case SendLine line:
                await SendAsync(line.Note, cancellation);
                _sent = line.Note.Text;
                break;
        }
    }

    private async Task<ImmutableArray<MerkleHash>> ProofAsync(SignedNote head, CancellationToken cancellation)
    {
        long size = Checkpoint.Parse(head.Text).Size;
        if (_state is null || Checkpoint.Parse(_state.Signed.Text).Size is var last && last >= size)
        {
            return [];
        }

        TileSource tiles = await _files.TilesAsync(TileLayout.ForConsistency(last, size), cancellation);
        return MerkleProof.Consistency(last, size, TiledNodes.Over(size, tiles));
    }

    private async Task<LogReading> ReadAsync(long size, CancellationToken cancellation)
    {
        LogReader reader = new();
        foreach (BundleCoordinate bundle in TileLayout.Bundles(size))
        {
            reader.Add(bundle, await _files.BundleAsync(bundle, cancellation));
        }

        return reader.Result();
    }

    private async Task SendAsync(SignedNote note, CancellationToken cancellation)
    {
        (_, string kid) = await _home.KeyAsync(SiloHome.WitnessKey, cancellation);
        byte[] signature = await _home.Vault.SignAsync(kid, WitnessLine.Digest(note), cancellation);
        Checkpoint checkpoint = Checkpoint.Parse(note.Text);
        WitnessLineBody body = new()
        {
            Type = WitnessLineBody.WitnessLine,
            Federation = _home.Invitation.Federation,
            SiloId = _home.Invitation.SiloId,
            Size = checkpoint.Size,
            Root = checkpoint.Root.ToDigest(),
            Signature = Convert.ToBase64String(EcdsaDer.FromP1363(signature)),
        };
        DsseEnvelope signed = await _home.SignAsync(SiloHome.IdentityKey, WitnessLineBody.PayloadType, Jcs.Serialize(body, WitnessLineJson.Default.WitnessLineBody), cancellation);
        await _post.SendAsync(WitnessLineBody.WitnessLine, run: null, round: null, [signed], [], cancellation);
    }

    // Both notes are kept under their hashes, which the alarm names.
    private LogLook.Refused Refuse(ErrorCode code, SignedNote shown) =>
        new(code, [.. ((SignedNote?[])[_state?.Signed, shown]).OfType<SignedNote>().Select(Keep)]);

    private Sha256Digest Keep(SignedNote note)
    {
        byte[] bytes = note.ToBytes();
        Sha256Digest hash = Sha256Digest.Of(bytes);
        WholeFile.Write(_home.EvidencePath(hash), bytes);
        return hash;
    }
}
