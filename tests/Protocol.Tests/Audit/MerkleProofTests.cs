// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Audit;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace FedCloud.Protocol.Tests.Audit;

public sealed class MerkleProofTests
{
    private static readonly byte[][] Entries = MerkleTrees.Entries(600);

    [Fact]
    public void Root_AnySize_IsTheNaiveTrees()
    {
        CompactRange range = new();
        for (int size = 0; size <= 130; size++)
        {
            Assert.Equal(Naive(Entries[..size]), range.Root());
            CompactRange restored = CompactRange.Restore(range.Size, range.Peaks);
            restored.Append(MerkleTree.HashLeaf(Entries[size]));
            range.Append(MerkleTree.HashLeaf(Entries[size]));
            Assert.Equal(range.Root(), restored.Root());
        }
    }

    [Fact]
    public void Restore_PeaksOfAnotherSize_IsRefused()
    {
        Assert.Throws<ArgumentException>(() => CompactRange.Restore(5, [default]));
    }

    [Fact]
    public void Inclusion_AnyTree_IsTheNaivePathAndVerifies()
    {
        Prop.ForAll(Pairs(0), pair =>
        {
            (int index, int size) = pair;
            byte[][] entries = Entries[..(size + 1)];
            List<MerkleHash> expected = [.. NaiveTree.Path(index, entries).Select(hash => MerkleHash.FromBytes(hash))];
            IReadOnlyList<MerkleHash> proof = MerkleProof.Inclusion(index, size + 1, MerkleTrees.NodesOf(entries));
            return proof.SequenceEqual(expected)
                && MerkleProof.VerifyInclusion(MerkleTree.HashLeaf(entries[index]), index, size + 1, proof, Naive(entries));
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Consistency_AnyTrees_IsTheNaiveProofAndVerifies()
    {
        Prop.ForAll(Pairs(1), pair =>
        {
            (int first, int second) = pair;
            byte[][] entries = Entries[..second];
            List<MerkleHash> expected = [.. NaiveTree.Proof(first, entries).Select(hash => MerkleHash.FromBytes(hash))];
            IReadOnlyList<MerkleHash> proof = MerkleProof.Consistency(first, second, MerkleTrees.NodesOf(entries));
            return proof.SequenceEqual(expected)
                && MerkleProof.VerifyConsistency(first, second, Naive(entries[..first]), Naive(entries), proof);
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Verify_AnyChange_Fails()
    {
        // Every pair of small sizes, every component and every position.
        for (int size = 1; size <= 20; size++)
        {
            byte[][] entries = Entries[..size];
            MerkleHash root = Naive(entries);
            for (int index = 0; index < size; index++)
            {
                MerkleHash leaf = MerkleTree.HashLeaf(entries[index]);
                MerkleHash[] proof = [.. MerkleProof.Inclusion(index, size, MerkleTrees.NodesOf(entries))];
                Assert.All(Changes(proof), changed => Assert.False(MerkleProof.VerifyInclusion(leaf, index, size, changed, root)));
                Assert.All(Enumerable.Range(-1, size + 3).Where(other => other != index), other => Assert.False(MerkleProof.VerifyInclusion(leaf, other, size, proof, root)));
                Assert.False(MerkleProof.VerifyInclusion(default, index, size, proof, root));

                MerkleHash old = Naive(entries[..(index + 1)]);
                MerkleHash[] growth = [.. MerkleProof.Consistency(index + 1, size, MerkleTrees.NodesOf(entries))];
                Assert.All(Changes(growth), changed => Assert.False(MerkleProof.VerifyConsistency(index + 1, size, old, root, changed)));
                Assert.False(MerkleProof.VerifyConsistency(index + 1, size, default, root, growth));
                Assert.False(MerkleProof.VerifyConsistency(index + 1, size, old, default, growth));
                Assert.False(MerkleProof.VerifyConsistency(0, size, MerkleTree.EmptyRoot, root, growth));
            }
        }
    }

    [Theory]
    [InlineData(-1, 4)]
    [InlineData(4, 4)]
    [InlineData(0, 0)]
    public void Inclusion_OutsideTheTree_IsRefused(long index, long size)
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => MerkleProof.Inclusion(index, size, (_, _) => default));
    }

    [Theory]
    [InlineData(0, 4)]
    [InlineData(5, 4)]
    [InlineData(-1, 4)]
    public void Consistency_OutsideTheTree_IsRefused(long first, long second)
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => MerkleProof.Consistency(first, second, (_, _) => default));
        Assert.False(MerkleProof.VerifyConsistency(first, second, default, default, []));
    }

    [Fact]
    public void Verify_LargestSize_Ends()
    {
        Assert.False(MerkleProof.VerifyInclusion(default, long.MaxValue - 1, long.MaxValue, new MerkleHash[64], default));
        Assert.False(MerkleProof.VerifyInclusion(new byte[32], 0, ulong.MaxValue, [], new byte[32]));
        Assert.False(MerkleProof.VerifyConsistency(1, ulong.MaxValue, new byte[32], new byte[32], [new byte[32]]));
        Assert.False(MerkleProof.VerifyConsistency(1L << 62, long.MaxValue, default, default, new MerkleHash[64]));
    }

    [Theory]
    [InlineData("")]
    [InlineData("AAAA")]
    [InlineData("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB=")]
    [InlineData("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA =")]
    [InlineData("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")]
    public void Hash_OtherBase64_IsRefused(string text)
    {
        Assert.False(MerkleHash.TryFromBase64(text, out _));
        Assert.True(MerkleHash.TryFromBase64("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", out _));
    }

    private static IEnumerable<MerkleHash[]> Changes(MerkleHash[] proof)
    {
        yield return [.. proof, default];
        yield return [default, .. proof];
        for (int i = 0; i < proof.Length; i++)
        {
            byte[] spoiled = proof[i].ToBytes();
            spoiled[i % 32] ^= 1;
            yield return [.. proof[..i], MerkleHash.FromBytes(spoiled), .. proof[(i + 1)..]];
            yield return [.. proof[..i], .. proof[(i + 1)..]];
            yield return [.. proof[..i], proof[i], .. proof[i..]];
        }
    }

    private static Arbitrary<(int Small, int Large)> Pairs(int least) =>
        Gen.Choose(least, 300).SelectMany(a => Gen.Choose(least, 300).Select(b => (Math.Min(a, b), Math.Max(a, b)))).ToArbitrary();

    private static MerkleHash Naive(byte[][] entries) => MerkleHash.FromBytes(NaiveTree.Root(entries));
}
