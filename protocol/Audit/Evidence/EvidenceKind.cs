// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Protocol.Audit.Evidence;

/// <summary>What a file of an evidence bundle is.</summary>
public enum EvidenceKind
{
    /// <summary>A tile of hashes.</summary>
    Tile,

    /// <summary>A bundle of entries.</summary>
    Bundle,

    /// <summary>An archived checkpoint.</summary>
    Archive,

    /// <summary>A checkpoint with a witness line.</summary>
    Cosigned,

    /// <summary>The newest checkpoint.</summary>
    Head,

    /// <summary>A batch record.</summary>
    Batch,

    /// <summary>A roster with its signatures and joins.</summary>
    Roster,

    /// <summary>A public key.</summary>
    Key,

    /// <summary>An inclusion proof.</summary>
    Proof,

    /// <summary>A signed message.</summary>
    Envelope,

    /// <summary>Other evidence, known by its digest.</summary>
    Blob,

    /// <summary>The signed bodies and the secrets of a round whose sum was opened.</summary>
    Round,

    /// <summary>A masked vector of such a round.</summary>
    Vector,
}
