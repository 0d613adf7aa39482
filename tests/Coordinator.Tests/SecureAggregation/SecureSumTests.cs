// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Cloud.Blobs;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.SecureAggregation;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace FedCloud.Coordinator.Tests.SecureAggregation;

public sealed class SecureSumTests
{
    private static readonly long[] Declared = [100, 50, 25, 70, 1, 33, 99];

    [Theory]
    [InlineData(4, 16, 0, 1)]
    [InlineData(4, 24, 1, 2)]
    [InlineData(4, 32, 1, 3)]
    [InlineData(7, 16, 2, 3)]
    [InlineData(7, 24, 0, 1)]
    [InlineData(7, 32, 2, 2)]
    public async Task Run_IngestedVectors_IsTheWeightedMean(int n, int bits, int dropouts, int workers)
    {
        int[] u3 = [.. Enumerable.Range(1 + dropouts, n - dropouts)];
        using SecureRound round = new(n, bits, 1237, u3, Declared);
        foreach (int u in u3)
        {
            await round.UploadAsync(u);
            await round.Store.EnsureContainerAsync("rounds", default);
            await round.Ingest.RunAsync(SecureRound.Upload(u), round.Expected(u), round.Vectors[u], default);
        }

        (OpenedSum opened, byte[] z, float[] mean) = await round.SumAsync(workers, maxRange: 301);
        (Sha256Digest digest, byte[] expected) = round.Reference();
        Assert.Equal(expected, z);
        Assert.Equal(expected, Sum(round));
        Assert.Equal(digest, opened.AggregateSha256);
        Assert.Equal(1237, mean.Length);
        double weights = round.Weights.Values.Sum();
        for (int i = 0; i < mean.Length; i++)
        {
            Assert.Equal(u3.Sum(u => round.Weights[u] / weights * round.Updates[u][i]), mean[i], bits == 16 ? 3e-3 : 1e-5);
        }

        Assert.Equal(Norm(mean), opened.Norm);
        Assert.True(opened.Norm <= opened.Gate);
    }

    [Fact]
    public void Run_AnyRangeAndWorkers_IsTheSame()
    {
        Prop.ForAll(ArbMap.Default.ArbFor<int>(), seed =>
        {
            Random random = new(seed);
            int n = random.Next(3, 6);
            CohortBounds bounds = CohortBounds.Of(n);
            int[] u3 = [.. Enumerable.Range(1, n).Skip(random.Next(bounds.MaxDrops + 1))];
            using SecureRound round = new(n, 16 + (8 * random.Next(3)), random.Next(1, 400), u3);
            round.PutVectorsAsync().Wait();
            (Sha256Digest digest, byte[] expected) = round.Reference();
            (OpenedSum opened, byte[] z, float[] mean) = round.SumAsync(1).Result;
            (OpenedSum inParts, byte[] zInParts, float[] meanInParts) = round.SumAsync(random.Next(1, 4), random.Next(1, 500)).Result;
            return z.AsSpan().SequenceEqual(expected) && zInParts.AsSpan().SequenceEqual(expected)
                && mean.AsSpan().SequenceEqual(meanInParts) && opened == inParts && opened.AggregateSha256 == digest;
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(20));
    }

    [Fact]
    public async Task Run_MoreWorkersThanCoordinates_IsTheSum()
    {
        using SecureRound round = new(4, 32, 1, [1, 2, 4]);
        await round.PutVectorsAsync();

        Assert.Equal(round.Reference().Z, (await round.SumAsync(workers: 50)).Z);
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(1)]
    public async Task T19_Run_VectorOfAnotherLength_NamesItsSilo(int more)
    {
        using SecureRound round = new(4, 32, 50, [1, 2, 4]);
        byte[] vector = round.Round.Vectors[2];
        round.Round.Vectors[2] = more < 0 ? vector[..^1] : [.. vector, 0];
        await round.PutVectorsAsync();

        FedCloudException error = await Assert.ThrowsAsync<FedCloudException>(() => round.SumAsync(workers: 3, maxRange: 5));
        Assert.Equal(ErrorCodes.MaskedLength, error.Code);
        Assert.Contains("silo 2:", error.Message);
    }

    [Fact]
    public async Task Run_MissingVector_NamesItsSilo()
    {
        using SecureRound round = new(4, 32, 50, [1, 2, 4]);
        await round.PutVectorsAsync();
        await round.Store.DeleteAsync(round.Vectors[4], lease: null, default);

        FedCloudException error = await Assert.ThrowsAsync<FedCloudException>(() => round.SumAsync(workers: 2));
        Assert.Equal(ErrorCodes.UpdateMissing, error.Code);
        Assert.Contains("silo 4:", error.Message);
    }

    [Fact]
    public async Task T10_Run_HostileWeight_IsRefused()
    {
        foreach (Func<long, long> hostile in (Func<long, long>[])[weight => weight - 1, weight => -weight, _ => 0])
        {
            using SecureRound round = new(4, 32, 50, [1, 2, 4], weightWord: hostile);
            await round.PutVectorsAsync();

            Assert.Equal(ErrorCodes.SumOutOfBounds, (await Assert.ThrowsAsync<FedCloudException>(() => round.SumAsync(workers: 1))).Code);
        }
    }

    [Fact]
    public async Task T10_Run_NormAboveTheGate_IsRefused()
    {
        using SecureRound round = new(4, 32, 50, [1, 2, 4]);
        await round.PutVectorsAsync();
        double norm = (await round.SumAsync(workers: 1)).Opened.Norm;
        using SecureRound passes = new(4, 32, 50, [1, 2, 4]) { Terms = round.Terms with { NormMaximum = norm } };
        await passes.PutVectorsAsync();
        using SecureRound fails = new(4, 32, 50, [1, 2, 4]) { Terms = round.Terms with { NormMaximum = Math.BitDecrement(norm) } };
        await fails.PutVectorsAsync();

        Assert.Equal(norm, (await passes.SumAsync(workers: 1)).Opened.Gate);
        Assert.Equal(ErrorCodes.GateFailed, (await Assert.ThrowsAsync<FedCloudException>(() => fails.SumAsync(workers: 1))).Code);
    }

    private static byte[] Sum(SecureRound round)
    {
        byte[] sum = new byte[round.Scope.VectorBytes];
        foreach (byte[] input in round.Inputs.Values)
        {
            RingWords.Add(round.Scope.Ring, sum, input);
        }

        return sum;
    }

    private static double Norm(float[] values)
    {
        double squares = 0;
        foreach (float value in values)
        {
            squares += (double)value * value;
        }

        return Math.Sqrt(squares);
    }
}
