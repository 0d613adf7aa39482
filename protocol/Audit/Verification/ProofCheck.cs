// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Audit.Evidence;
using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.Audit.Verification;

/// <summary>Whether the proofs of the evidence lead from entries of the log to its checkpoints (V4).</summary>
internal sealed class ProofCheck
{
    private const string Check = "V4";

    private readonly Dictionary<long, (string Path, TlogProof Proof)> _proofs = [];
    private readonly Dictionary<long, MerkleHash> _leaves = [];

    public static async Task<ProofCheck> ReadAsync(EvidenceInventory evidence, Findings findings, CancellationToken cancellation)
    {
        ProofCheck check = new();
        foreach (EvidenceFile file in evidence.Of(EvidenceKind.Proof))
        {
            byte[] bytes = await evidence.ReadAsync(file.Path, cancellation) ?? [];
            findings.Try(Check, file.Path, () => check.Add(file.Path, bytes));
        }

        return check;
    }

    /// <summary>Takes the leaf of an entry.</summary>
    public void Take(long index, MerkleHash leaf)
    {
        if (_proofs.ContainsKey(index))
        {
            _leaves[index] = leaf;
        }
    }

    public void Finish(CheckpointFiles checkpoints, Func<long, NoteKey[]> keys, Findings findings)
    {
        foreach ((long index, (string path, TlogProof proof)) in _proofs)
        {
            findings.Try(Check, path, () => Verify(_leaves.TryGetValue(index, out MerkleHash leaf) ? leaf : null, proof, checkpoints, keys));
        }
    }

    private static void Verify(MerkleHash? leaf, TlogProof proof, CheckpointFiles checkpoints, Func<long, NoteKey[]> keys)
    {
        Checkpoint checkpoint = Checkpoint.Parse(proof.Note.Text);
        if (!checkpoints.Sizes.Contains(checkpoint.Size) || checkpoints.At(checkpoint.Size) != checkpoint)
        {
            throw new FedCloudException(ErrorCodes.LogFork, $"the proof's checkpoint of size {checkpoint.Size} is not an archived one");
        }

        NoteKey[] required = keys(checkpoint.Size);
        if (proof.Note.Verify(required).Length < required.Length)
        {
            throw new FedCloudException(ErrorCodes.NoteUnsigned, "the proof's checkpoint lacks a line of the log");
        }

        if (leaf is not { } known || !MerkleProof.VerifyInclusion(known, proof.Index, checkpoint.Size, proof.Hashes, checkpoint.Root))
        {
            throw new FedCloudException(ErrorCodes.InclusionFailed, $"the proof does not lead from entry {proof.Index} to the root of size {checkpoint.Size}");
        }
    }

    private void Add(string path, byte[] bytes)
    {
        TlogProof proof = TlogProof.Parse(bytes);
        if (proof.Index != EvidenceLayout.ProofIndex(path) || proof.Extra is not null)
        {
            throw new FedCloudException(ErrorCodes.ProofMalformed, "the proof is of another entry than its name says, or has extra data that nothing vouches for");
        }

        _proofs.Add(proof.Index, (path, proof));
    }
}
