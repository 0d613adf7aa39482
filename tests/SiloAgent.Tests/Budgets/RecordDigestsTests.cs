// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Security.Cryptography;
using System.Text;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.SiloAgent.Budgets;
using Xunit;

namespace FedCloud.SiloAgent.Tests.Budgets;

public sealed class RecordDigestsTests
{
    private readonly LedgerHome _home = new();

    [Fact]
    public void AddTo_Lines_AreTheSortedDigestsUnderTheHomesKey()
    {
        string[] records = [.. Enumerable.Range(0, 50).Select(i => new string('r', 3000) + i)];
        string path = _home.TrainFile("file", [.. records, .. records]);

        RecordDigests digests = RecordDigests.Read(path, _home.Folder);
        digests.AddTo(_home.Paths());

        byte[] key = File.ReadAllBytes(Path.Combine(_home.Folder, "_records.key"));
        string[] expected = [.. records.Select(record => Convert.ToHexString(HMACSHA256.HashData(key, Encoding.UTF8.GetBytes(record))[..16])).Order(StringComparer.Ordinal)];
        Assert.Equal(expected, File.ReadAllBytes(_home.Paths().Records).Chunk(16).Select(Convert.ToHexString));
        Assert.Equal(100, digests.Records);
        Assert.Equal(Sha256Digest.Of(File.ReadAllBytes(path)), digests.ManifestSha256);
    }

    [Theory]
    [InlineData("a\nb\n", true)]
    [InlineData("z\r\nb\r\n", true)]
    [InlineData("z\nb", true)]
    [InlineData("z\n\n\nb\r", true)]
    [InlineData("z\n\n", false)]
    [InlineData("ab\n", false)]
    [InlineData("b \n", false)]
    [InlineData("b\rb\n", false)]
    [InlineData("", false)]
    public void Overlap_LineEnds_AreNoPartOfARecord(string text, bool overlaps)
    {
        RecordDigests.Read(_home.TrainFile("one", "a", "b", "c"), _home.Folder).AddTo(_home.Paths());
        string other = _home.TrainFile("two");
        File.WriteAllText(other, text);

        RecordDigests digests = RecordDigests.Read(other, _home.Folder);

        Assert.Equal(overlaps ? ["data-1"] : [], digests.Overlap([_home.Paths(), _home.Paths("data-9")]).ToArray());
    }

    [Fact]
    public void Read_CarriageReturnAtTheEndOfAPiece_BelongsToItsLine()
    {
        string start = new('x', (1 << 16) - 1);
        RecordDigests.Read(_home.TrainFile("one", start + "\ry"), _home.Folder).AddTo(_home.Paths());
        RecordDigests.Read(_home.TrainFile("two", start + "\r"), _home.Folder).AddTo(_home.Paths("data-2"));

        Assert.Equal(["data-1"], RecordDigests.Read(_home.TrainFile("three", start + "\ry"), _home.Folder).Overlap([_home.Paths(), _home.Paths("data-2")]).ToArray());
        Assert.Equal(["data-2"], RecordDigests.Read(_home.TrainFile("four", start), _home.Folder).Overlap([_home.Paths(), _home.Paths("data-2")]).ToArray());
    }

    [Fact]
    public void Read_KeyLost_IsNoFreshKey()
    {
        _home.Charged().Dispose();
        File.Delete(Path.Combine(_home.Folder, "_records.key"));

        Assert.Equal(ErrorCodes.KeyUnusable, Assert.Throws<FedCloudException>(() => _home.Open()).Code);
    }

    [Fact]
    public void Overlap_DamagedDigests_AreNotPassedOver()
    {
        RecordDigests digests = RecordDigests.Read(_home.TrainFile("one", "a", "b", "c"), _home.Folder);
        digests.AddTo(_home.Paths());
        byte[] bytes = File.ReadAllBytes(_home.Paths().Records);
        RecordDigests unlike = RecordDigests.Read(_home.TrainFile("two", "x"), _home.Folder);

        File.WriteAllBytes(_home.Paths().Records, bytes[..^1]);
        Assert.Equal(ErrorCodes.LedgerBroken, Assert.Throws<FedCloudException>(() => unlike.Overlap([_home.Paths()])).Code);
        File.WriteAllBytes(_home.Paths().Records, [.. bytes[16..], .. bytes[..16]]);
        Assert.Equal(ErrorCodes.LedgerBroken, Assert.Throws<FedCloudException>(() => unlike.Overlap([_home.Paths()])).Code);
    }
}
