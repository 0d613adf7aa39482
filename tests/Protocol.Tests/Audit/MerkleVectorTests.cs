// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using FedCloud.Protocol.Audit;
using Xunit;

namespace FedCloud.Protocol.Tests.Audit;

public sealed class MerkleVectorTests
{
    [Fact]
    public void Hasher_Vectors_Agree()
    {
        JsonElement hasher = AuditVectors.Read("merkle_rfc6962_8leaf.json").GetProperty("hasher");

        Assert.Equal(hasher.GetProperty("empty_root").GetString(), MerkleTree.EmptyRoot.ToString());
        Assert.Equal(hasher.GetProperty("empty_leaf").GetString(), MerkleTree.HashLeaf([]).ToString());
        Assert.Equal(hasher.GetProperty("leaf_L123456").GetString(), MerkleTree.HashLeaf("L123456"u8).ToString());

        // The source hashes two texts as if they were hashes; nodes here are 32 bytes by type, so the rule is checked on bytes.
        Assert.Equal(hasher.GetProperty("node_N123_N456").GetString(), Convert.ToHexStringLower(SHA256.HashData([1, .. "N123"u8, .. "N456"u8])));
    }

    [Fact]
    public void EightLeaves_RootsAndProofs_AreMadeAndVerify()
    {
        JsonElement file = AuditVectors.Read("merkle_rfc6962_8leaf.json");
        byte[][] leaves = [.. file.GetProperty("leaf_inputs_hex").EnumerateArray().Select(hex => Convert.FromHexString(hex.GetString()!))];
        Dictionary<long, MerkleHash> roots = file.GetProperty("roots_hex_by_size").EnumerateObject().ToDictionary(root => long.Parse(root.Name), root => Hex(root.Value));
        CompactRange range = new();
        Assert.Equal(roots[0], range.Root());
        for (int i = 0; i < leaves.Length; i++)
        {
            Assert.Equal(file.GetProperty("leaf_hashes_hex")[i].GetString(), MerkleTree.HashLeaf(leaves[i]).ToString());
            range.Append(MerkleTree.HashLeaf(leaves[i]));
            Assert.Equal(roots[i + 1], range.Root());
        }

        foreach (JsonElement proof in file.GetProperty("inclusion").EnumerateArray())
        {
            (long index, long size) = (proof.GetProperty("index").GetInt64(), proof.GetProperty("size").GetInt64());
            MerkleHash[] expected = [.. proof.GetProperty("proof").EnumerateArray().Select(Hex)];
            Assert.Equal(expected, MerkleProof.Inclusion(index, size, MerkleTrees.NodesOf(leaves)));
            Assert.True(MerkleProof.VerifyInclusion(MerkleTree.HashLeaf(leaves[index]), index, size, expected, roots[size]));
        }

        foreach (JsonElement proof in file.GetProperty("consistency").EnumerateArray())
        {
            (long first, long second) = (proof.GetProperty("size1").GetInt64(), proof.GetProperty("size2").GetInt64());
            MerkleHash[] expected = [.. proof.GetProperty("proof").EnumerateArray().Select(Hex)];
            Assert.Equal(expected, MerkleProof.Consistency(first, second, MerkleTrees.NodesOf(leaves)));
            Assert.True(MerkleProof.VerifyConsistency(first, second, roots[first], roots[second], expected));
        }
    }

    [Theory]
    [InlineData("merkle_probes.json", 98, 98)]
    [InlineData("merkle_own.json", 173, 187)]
    public void Probes_All_VerifyOrFailAsTheySay(string name, int inclusions, int consistencies)
    {
        JsonElement file = AuditVectors.Read(name);

        Assert.Equal(inclusions, file.GetProperty("inclusion").GetArrayLength());
        Assert.Equal(consistencies, file.GetProperty("consistency").GetArrayLength());
        Assert.All(file.GetProperty("inclusion").EnumerateArray(), probe => Assert.Equal(probe.GetProperty("wantErr").GetBoolean(), !VerifyInclusion(probe)));
        Assert.All(file.GetProperty("consistency").EnumerateArray(), probe => Assert.Equal(probe.GetProperty("wantErr").GetBoolean(), !VerifyConsistency(probe)));
    }

    [Fact]
    public void OwnTrees_Roots_FollowFromTheLeafRule()
    {
        JsonElement roots = AuditVectors.Read("merkle_own.json").GetProperty("roots_b64");

        foreach (JsonProperty root in roots.EnumerateObject())
        {
            CompactRange range = new();
            for (int i = 0; i < int.Parse(root.Name); i++)
            {
                range.Append(MerkleTree.HashLeaf(SHA256.HashData(Encoding.ASCII.GetBytes($"fedcloud-shared/{i}")).AsSpan(0, 7 * i % 33)));
            }

            Assert.Equal(root.Value.GetString(), range.Root().ToBase64());
        }
    }

    private static bool VerifyInclusion(JsonElement probe) => MerkleProof.VerifyInclusion(
        probe.GetProperty("leafHash").GetBytesFromBase64(),
        probe.GetProperty("leafIdx").GetUInt64(),
        probe.GetProperty("treeSize").GetUInt64(),
        Proof(probe),
        probe.GetProperty("root").GetBytesFromBase64());

    private static bool VerifyConsistency(JsonElement probe) => MerkleProof.VerifyConsistency(
        probe.GetProperty("size1").GetUInt64(),
        probe.GetProperty("size2").GetUInt64(),
        probe.GetProperty("root1").GetBytesFromBase64(),
        probe.GetProperty("root2").GetBytesFromBase64(),
        Proof(probe));

    private static byte[][] Proof(JsonElement probe) => probe.GetProperty("proof") is { ValueKind: JsonValueKind.Array } components
        ? [.. components.EnumerateArray().Select(component => component.ValueKind == JsonValueKind.Null ? [] : component.GetBytesFromBase64())]
        : [];

    private static MerkleHash Hex(JsonElement text) => MerkleHash.FromBytes(Convert.FromHexString(text.GetString()!));
}
