// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text.Json;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace FedCloud.Protocol.Tests.Audit;

public sealed class TileTests
{
    private static readonly byte[][] Entries = MerkleTrees.Entries(70_000);

    [Fact]
    public void Vectors_AllSizes_GiveTheseFiles()
    {
        foreach (JsonProperty size in AuditVectors.Read("tlog_tiles.json").GetProperty("sizes").EnumerateObject())
        {
            Dictionary<string, byte[]> files = MerkleTrees.Files(Entries, int.Parse(size.Name));
            TileFrontier frontier = TileFrontier.Empty.Append(Entries[..int.Parse(size.Name)].Select(entry => MerkleTree.HashLeaf(entry))).After;

            Assert.Equal(size.Value.GetProperty("root_b64").GetString(), frontier.Root().ToBase64());
            Assert.Equal(size.Value.GetProperty("bundle_count").GetInt32(), files.Keys.Count(path => path.StartsWith("tile/entries/", StringComparison.Ordinal)));
            Assert.Equal(size.Value.GetProperty("tile_count").GetInt32(), files.Keys.Count(path => !path.StartsWith("tile/entries/", StringComparison.Ordinal)));
            Assert.All(
                size.Value.GetProperty("tiles_sha256").EnumerateObject().Concat(size.Value.GetProperty("bundles_sha256").EnumerateObject()),
                file => Assert.Equal(file.Value.GetString(), Sha256Digest.Of(files[file.Name]).Hex));
        }
    }

    [Theory]
    [InlineData(0, 0, 256, "tile/0/000")]
    [InlineData(1, 1234067, 256, "tile/1/x001/x234/067")]
    [InlineData(63, 999, 1, "tile/63/999.p/1")]
    [InlineData(0, 1000, 255, "tile/0/x001/000.p/255")]
    [InlineData(7, long.MaxValue, 256, "tile/7/x009/x223/x372/x036/x854/x775/807")]
    public void TilePath_Coordinates_RoundTrip(int level, long index, int width, string path)
    {
        TileCoordinate tile = new(level, index, width);

        Assert.Equal(path, tile.Path);
        Assert.True(TileCoordinate.TryParse(path, out TileCoordinate read));
        Assert.Equal(tile, read);
        Assert.True(BundleCoordinate.TryParse("tile/entries/" + path.Split('/', 3)[2], out BundleCoordinate bundle));
        Assert.Equal(new BundleCoordinate(index, width), bundle);
    }

    [Theory]
    [InlineData("tile/0/0")]
    [InlineData("tile/0/0000")]
    [InlineData("tile/0/x000/001")]
    [InlineData("tile/0/x001/x234")]
    [InlineData("tile/0/001/234")]
    [InlineData("tile/00/000")]
    [InlineData("tile/64/000")]
    [InlineData("tile/-1/000")]
    [InlineData("tile/+1/000")]
    [InlineData("tile/0/-01")]
    [InlineData("tile/0/000.p/0")]
    [InlineData("tile/0/000.p/256")]
    [InlineData("tile/0/000.p/01")]
    [InlineData("tile/0/000.p/")]
    [InlineData("tile/0/000.p/1/")]
    [InlineData("tile/0/x009/x223/x372/x036/x854/x775/808")]
    [InlineData("tile/0/x001/x000/x000/x000/x000/x000/x000/000")]
    [InlineData("tile/0/")]
    [InlineData("tile/0")]
    [InlineData("tile//000")]
    [InlineData("tiles/0/000")]
    [InlineData(" tile/0/000")]
    public void TilePath_OtherSpelling_IsRefused(string path)
    {
        Assert.False(TileCoordinate.TryParse(path, out _));
        Assert.False(BundleCoordinate.TryParse(path.Replace("tile/0/", "tile/entries/", StringComparison.Ordinal), out _));
    }

    [Fact]
    public void Layout_SpecificationsExample_HasItsTiles()
    {
        TileCoordinate[] tiles = [.. TileLayout.Tiles(70_000)];

        Assert.Equal(277, tiles.Length);
        Assert.Equal(new TileCoordinate(0, 273, 112), tiles[273]);
        Assert.Equal([new(1, 0, 256), new(1, 1, 17), new(2, 0, 1)], tiles[274..]);
    }

    [Fact]
    public void Growth_AnySteps_WritesEachTileOnceAndTheSameAsOneStep()
    {
        Arbitrary<int[]> steps = Gen.Choose(1, 300).ArrayOf(5).ToArbitrary();
        Prop.ForAll(steps, widths =>
        {
            int[] sizes = [.. widths.Select((_, i) => widths[..(i + 1)].Sum())];

            // Files() adds each path once, so a tile written twice throws.
            Dictionary<string, byte[]> files = MerkleTrees.Files(Entries, sizes);
            Dictionary<string, byte[]> whole = MerkleTrees.Files(Entries, sizes[^1]);
            return whole.All(file => files[file.Key].AsSpan().SequenceEqual(file.Value))
                && TileLayout.Tiles(sizes[^1]).All(tile => files.ContainsKey(tile.Path));
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void Frontier_RestoredFromTiles_GoesOnAlike()
    {
        foreach (int size in new[] { 0, 1, 255, 256, 257, 511, 65_536, 66_000 })
        {
            TileFrontier grown = TileFrontier.Empty.Append(Leaves(0, size)).After;
            TileFrontier restored = TileFrontier.Restore(size, grown.Root(), MerkleTrees.Source(MerkleTrees.Files(Entries, size)));

            Assert.Equal(grown.Append(Leaves(size, size + 300)).After.Root(), restored.Append(Leaves(size, size + 300)).After.Root());
        }
    }

    [Fact]
    public void Frontier_OtherRoot_IsRefused()
    {
        Dictionary<string, byte[]> files = MerkleTrees.Files(Entries, 300);

        AssertRefused(ErrorCodes.RootMismatch, () => TileFrontier.Restore(300, default, MerkleTrees.Source(files)));
    }

    [Fact]
    public void Proofs_FromTiles_VerifyAndNeedOnlyTheListedTiles()
    {
        Prop.ForAll(Gen.Choose(1, 2000).SelectMany(a => Gen.Choose(1, 2000).Select(b => (Math.Min(a, b), Math.Max(a, b)))).ToArbitrary(), pair =>
        {
            (int first, int size) = pair;
            Dictionary<string, byte[]> files = MerkleTrees.Files(Entries, size);
            HashSet<TileCoordinate> listed = [.. TileLayout.ForInclusion(first - 1, size), .. TileLayout.ForConsistency(first, size)];
            MerkleNodes nodes = TiledNodes.Over(size, tile => listed.Contains(tile) ? files[tile.Path] : throw new InvalidOperationException("not listed"));
            MerkleHash root = Root(size);
            return MerkleProof.VerifyInclusion(MerkleTree.HashLeaf(Entries[first - 1]), first - 1, size, MerkleProof.Inclusion(first - 1, size, nodes), root)
                && MerkleProof.VerifyConsistency(first, size, Root(first), root, MerkleProof.Consistency(first, size, nodes));
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void T14_Tile_AnyByteChanged_GivesNoProof()
    {
        const int size = 300;
        Dictionary<string, byte[]> files = MerkleTrees.Files(Entries, size);
        foreach (TileCoordinate tile in TileLayout.Frontier(size))
        {
            byte[] whole = files[tile.Path];
            for (int i = 0; i < whole.Length; i++)
            {
                files[tile.Path] = [.. whole];
                files[tile.Path][i] ^= 0x10;
                AssertRefused(ErrorCodes.RootMismatch, () => TileFrontier.Restore(size, Root(size), MerkleTrees.Source(files)));
            }

            files[tile.Path] = whole[..^1];
            AssertRefused(ErrorCodes.TileMalformed, () => TileFrontier.Restore(size, Root(size), MerkleTrees.Source(files)));
            files[tile.Path] = whole;
        }
    }

    [Fact]
    public void Bundle_AnyByteChanged_IsRefusedOrGivesOtherEntries()
    {
        byte[] bundle = EntryBundle.Write(Entries[..20]);
        for (int i = 0; i < bundle.Length; i++)
        {
            byte[] spoiled = [.. bundle];
            spoiled[i] ^= 0x01;
            Exception? error = Record.Exception(() => Assert.NotEqual(Entries[..20].Select(Convert.ToHexString), EntryBundle.Read(spoiled, 20).Select(Convert.ToHexString)));
            Assert.True(error is null or FedCloudException, error?.ToString());
        }

        AssertRefused(ErrorCodes.BundleMalformed, () => EntryBundle.Read(bundle.AsSpan(0, bundle.Length - 1), 20));
        AssertRefused(ErrorCodes.BundleMalformed, () => EntryBundle.Read(bundle, 19));
        AssertRefused(ErrorCodes.BundleMalformed, () => EntryBundle.Read([]));
        AssertRefused(ErrorCodes.BundleMalformed, () => EntryBundle.Read([0, 0]));
        AssertRefused(ErrorCodes.BundleMalformed, () => EntryBundle.Read([0]));
    }

    [Fact]
    public void Bundle_Lengths_AreBoundedBySixteenBits()
    {
        Assert.Equal(65_535, EntryBundle.Read(EntryBundle.Write([new byte[65_535]]), 1)[0].Length);
        AssertRefused(ErrorCodes.EntryTooLarge, () => EntryBundle.Write([new byte[65_536]]));
        AssertRefused(ErrorCodes.EntryTooLarge, () => EntryBundle.Write([[]]));
        AssertRefused(ErrorCodes.BundleMalformed, () => EntryBundle.Read(EntryBundle.Write(Entries[..257])));
    }

    private static MerkleHash Root(int size) => TileFrontier.Empty.Append(Leaves(0, size)).After.Root();

    private static IEnumerable<MerkleHash> Leaves(int first, int end) => Entries[first..end].Select(entry => MerkleTree.HashLeaf(entry));

    private static void AssertRefused(ErrorCode code, Action act) => Assert.Equal(code, Assert.Throws<FedCloudException>(act).Code);
}
