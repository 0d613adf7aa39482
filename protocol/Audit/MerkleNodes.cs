// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Protocol.Audit;

/// <summary>Gives the root of a perfect subtree: of the 2^<paramref name="level"/> entries from <paramref name="index"/>·2^<paramref name="level"/> on.</summary>
/// <param name="level">The subtree's height; 0 is a leaf.</param>
/// <param name="index">Its number from the left.</param>
public delegate MerkleHash MerkleNodes(int level, long index);
