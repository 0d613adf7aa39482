// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Runtime.InteropServices;
using System.Text;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.SecureAggregation;
using FedCloud.Protocol.Tests.SecureAggregation;
using FedCloud.SiloAgent.SecureAggregation;
using Xunit;

namespace FedCloud.SiloAgent.Tests.SecureAggregation;

/// <summary>From the trainer's file to the masked one.</summary>
public sealed class UpdateMaskerTests : IDisposable
{
    private const int Silos = 4;

    private readonly string _folder = Directory.CreateTempSubdirectory().FullName;
    private readonly SecretBytes _coins = new([.. Enumerable.Range(1, 32).Select(i => (byte)i)]);

    private string[] Files => Directory.GetFiles(_folder, "*", SearchOption.AllDirectories);

    public void Dispose()
    {
        _coins.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    [Theory]
    [InlineData(32, 1)]
    [InlineData(32, 1001)]
    [InlineData(32, (1 << 18) + 3)]
    [InlineData(24, 777)]
    [InlineData(24, (1 << 18) + 1)]
    [InlineData(16, 1)]
    [InlineData(16, 1000)]
    [InlineData(16, (1 << 20) + 5)]
    public void Mask_AllSilos_SumIsThatOfTheQuantisedUpdates(int bits, int coordinates)
    {
        TestFederation federation = new(Silos);
        Ring ring = Ring.OfBits(bits);
        RingLayout layout = Layout(ring, coordinates);
        RoundScope scope = federation.Scope(layout.D, ring);
        int[] u3 = [1, 2, 4];
        Dictionary<int, byte[]> inputs = u3.ToDictionary(u => u, u => Quantised(scope, layout, Update(coordinates, u), layout.Limit));
        TestRound round = new(federation, scope, inputs);

        Dictionary<int, MaskedVector> masked = u3.ToDictionary(u => u, u => Mask(Job(federation, scope, layout, coordinates, u)));

        Assert.All(u3, u => Assert.Equal((round.Masked[u].YSha256, round.Masked[u].YLen), (masked[u].YSha256, masked[u].YLen)));
        using RevealedSecrets secrets = round.Reveal(u3);
        using MemoryStream sum = new();
        Dictionary<int, Stream> streams = u3.ToDictionary(u => u, u => (Stream)new MemoryStream(File.ReadAllBytes(masked[u].Path)));
        RoundAggregate.Compute(scope, round.Agreement, secrets, streams, sum);
        byte[] expected = new byte[scope.VectorBytes];
        Assert.All(inputs.Values, input => RingWords.Add(ring, expected, input));
        Assert.Equal(expected, sum.ToArray());
    }

    [Fact]
    public void Mask_SameRoundAndCoins_HasTheSameBytesWhereverItIs()
    {
        TestFederation federation = new(Silos);
        RingLayout layout = Layout(Ring.K32, 500);
        RoundScope scope = federation.Scope(layout.D, Ring.K32);
        MaskingJob job = Job(federation, scope, layout, 500, 1);
        MaskingJob elsewhere = job with { Folder = Directory.CreateDirectory(Path.Combine(_folder, "elsewhere")).FullName };

        MaskedVector first = Mask(job);
        MaskedVector second = Mask(elsewhere);

        Assert.NotEqual(first.Path, second.Path);
        Assert.Equal(first.YSha256, second.YSha256);
        Assert.Equal(File.ReadAllBytes(first.Path), File.ReadAllBytes(second.Path));
    }

    [Fact]
    public void Mask_RetriedInAnotherSlot_MasksTheSameIntegers()
    {
        TestFederation federation = new(Silos, slots: 2);
        RingLayout layout = Layout(Ring.K32, 500);
        RoundScope[] scopes = [federation.Scope(layout.D, Ring.K32, slot: 0), federation.Scope(layout.D, Ring.K32, slot: 1)];

        byte[][] plain = [.. scopes.Select(scope => Unmasked(federation, scope, Mask(Job(federation, scope, layout, 500, 1))))];

        Assert.Equal(plain[0], plain[1]);
    }

    [Fact]
    public void Mask_FinishedFileThere_IsKept()
    {
        TestFederation federation = new(Silos);
        RingLayout layout = Layout(Ring.K24, 500);
        MaskingJob job = Job(federation, federation.Scope(layout.D, Ring.K24), layout, 500, 1);
        File.WriteAllText(UpdateMasker.PathOf(job.Folder, job.Scope.Rid) + ".tmp", "of a crash");
        MaskedVector first = Mask(job);
        File.Delete(job.UpdatePath);

        MaskedVector again = Mask(job);

        Assert.Equal(first with { Figures = null }, again);
        Assert.NotNull(first.Figures);
        Assert.Equal([first.Path], Files);
    }

    [Fact]
    public void Mask_FinishedFileOfAnotherLength_IsRefused()
    {
        TestFederation federation = new(Silos);
        RingLayout layout = Layout(Ring.K24, 500);
        MaskingJob job = Job(federation, federation.Scope(layout.D, Ring.K24), layout, 500, 1);
        File.WriteAllText(UpdateMasker.PathOf(job.Folder, job.Scope.Rid), "short");

        Assert.Equal(ErrorCodes.MaskedLength, Code(job));
    }

    [Theory]
    [InlineData(10, 2, false)] // norm 10 is above the clip
    [InlineData(0.5, 1, true)] // norm 0.5 is below it
    public void Mask_Norm_IsClipped(double norm, double clip, bool kept)
    {
        TestFederation federation = new(Silos);
        RingLayout layout = Layout(Ring.K32, 100, clip);
        RoundScope scope = federation.Scope(layout.D, Ring.K32);
        float[] update = new float[100];
        (update[3], update[99]) = ((float)(0.6 * norm), (float)(-0.8 * norm));
        MaskingJob job = Job(federation, scope, layout, update, 1);

        MaskedVector masked = Mask(job);
        byte[] plain = Unmasked(federation, scope, masked);

        double scale = layout.Scale(0) * (kept ? 1 : clip / norm);
        Assert.Equal(!kept, masked.Figures?.Clipped);
        Assert.Equal(norm, masked.Figures?.Norm ?? 0, 6);
        Assert.Equal(0, masked.Figures?.ClampedShare);
        Assert.Equal(update[3] * scale, Lifted(layout, plain, 3), 1.001);
        Assert.Equal(update[99] * scale, Lifted(layout, plain, 99), 1.001);
        Assert.Equal(0, Lifted(layout, plain, 4));
    }

    [Fact]
    public void Mask_DeclaredWeight_ScalesTheUpdateAndStandsLast()
    {
        TestFederation federation = new(Silos);
        RingLayout layout = Layout(Ring.K32, 100);
        RoundScope scope = federation.Scope(layout.D, Ring.K32);
        long weight = DeclaredWeight.Quantize(250, 1000, layout);
        float[] update = Update(100, 1);

        byte[] plain = Unmasked(federation, scope, Mask(Job(federation, scope, layout, update, 1) with { Weight = weight }));

        Assert.Equal(Quantised(scope, layout, update, weight), plain);
        Assert.Equal(weight, Lifted(layout, plain, 100));
        Assert.InRange(Lifted(layout, plain, 7), (update[7] * layout.Scale(0) / 4) - 2, (update[7] * layout.Scale(0) / 4) + 2);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(long.MaxValue)]
    public void Mask_WeightOutOfRange_IsRefused(long weight)
    {
        TestFederation federation = new(Silos);
        RingLayout layout = Layout(Ring.K32, 100);
        MaskingJob job = Job(federation, federation.Scope(layout.D, Ring.K32), layout, 100, 1) with { Weight = weight };

        Assert.Equal(ErrorCodes.WeightOutOfRange, Code(job));
    }

    [Fact]
    public void Mask_TooManyClamped_FailsAndLeavesNothing()
    {
        TestFederation federation = new(Silos);
        RingLayout layout = Layout(Ring.K32, 1000, clip: 10, range: 0.5);
        RoundScope scope = federation.Scope(layout.D, Ring.K32);
        float[] update = new float[1000];
        (update[1], update[2]) = (1, -1);
        MaskingJob job = Job(federation, scope, layout, update, 1);

        Assert.Equal(ErrorCodes.ClampLimit, Code(job));
        Assert.Equal([job.UpdatePath], Files);

        MaskedVector masked = Mask(job with { ClampLimit = 0.002 });
        Assert.Equal(0.002, masked.Figures?.ClampedShare);
        Assert.Equal(layout.Limit, Lifted(layout, Unmasked(federation, scope, masked), 1));
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.NegativeInfinity)]
    public void Mask_NotFinite_FailsAndLeavesNothing(float value)
    {
        TestFederation federation = new(Silos);
        RingLayout layout = Layout(Ring.K32, 100);
        float[] update = Update(100, 1);
        update[99] = value;
        MaskingJob job = Job(federation, federation.Scope(layout.D, Ring.K32), layout, update, 1);

        Assert.Equal(ErrorCodes.TensorNotFinite, Code(job));
        Assert.Equal([job.UpdatePath], Files);
    }

    [Fact]
    public void Mask_UpdateOfAnotherLengthOrAbsent_IsRefused()
    {
        TestFederation federation = new(Silos);
        RingLayout layout = Layout(Ring.K32, 100);
        MaskingJob job = Job(federation, federation.Scope(layout.D, Ring.K32), layout, 100, 1);

        Assert.Equal(ErrorCodes.UpdateMalformed, Code(job with { HeaderBytes = job.HeaderBytes + 1 }));
        File.Delete(job.UpdatePath);
        Assert.Equal(ErrorCodes.FileMissing, Code(job));
    }

    [Fact]
    public void Mask_LayoutOfAnotherRound_IsRefused()
    {
        TestFederation federation = new(Silos);
        RingLayout layout = Layout(Ring.K32, 100);
        MaskingJob job = Job(federation, federation.Scope(layout.D, Ring.K32), layout, 100, 1);

        Assert.All(
            [job with { Scope = federation.Scope(layout.D + 1, Ring.K32) }, job with { Scope = federation.Scope(layout.D, Ring.K24) }, job with { Coordinates = 99 }],
            other => Assert.Equal(ErrorCodes.SecaggParametersInvalid, Code(other)));
    }

    [Fact]
    public void Mask_SlotErased_IsRefused()
    {
        TestFederation federation = new(Silos);
        RingLayout layout = Layout(Ring.K32, 100);
        MaskingJob job = Job(federation, federation.Scope(layout.D, Ring.K32), layout, 100, 1);
        job.Secrets.EraseSlot(0);

        Assert.Throws<ObjectDisposedException>(() => Mask(job));
        Assert.Equal([job.UpdatePath], Files);
    }

    private static MaskedVector Mask(MaskingJob job) => UpdateMasker.Mask(job, CancellationToken.None);

    private static ErrorCode Code(MaskingJob job) => Assert.Throws<FedCloudException>(() => Mask(job)).Code;

    private static RingLayout Layout(Ring ring, int coordinates, double clip = 1, double? range = null)
    {
        bool rotated = ring.Bits == 16;
        long length = rotated ? HadamardRotation.PaddedLength(coordinates) : coordinates;
        RingSegment model = new() { Name = RingSegment.Model, Length = length, Clip = clip, Range = range ?? clip, Weighted = true };
        return RingLayout.Create(ring, RingLayout.LargestBits(ring, Silos), Silos, [model], rotated);
    }

    private static float[] Update(int coordinates, int seed)
    {
        Random random = new(seed);
        double size = 1.5 / Math.Sqrt(coordinates); // some are clipped, and some are not
        return [.. Enumerable.Range(0, coordinates).Select(_ => (float)((random.NextDouble() - 0.4) * seed * size))];
    }

    private MaskingJob Job(TestFederation federation, RoundScope scope, RingLayout layout, int coordinates, int u) =>
        Job(federation, scope, layout, Update(coordinates, u), u);

    private MaskingJob Job(TestFederation federation, RoundScope scope, RingLayout layout, float[] update, int u)
    {
        byte[] header = Encoding.ASCII.GetBytes("a header of any length");
        string path = Path.Combine(_folder, $"update-{u}.safetensors");
        File.WriteAllBytes(path, [.. header, .. MemoryMarshal.AsBytes(update.AsSpan())]);
        return new MaskingJob
        {
            Scope = scope,
            Layout = layout,
            Secrets = federation.Secrets[u],
            UpdatePath = path,
            HeaderBytes = header.Length,
            Coordinates = update.Length,
            Weight = layout.Limit,
            CoinKey = _coins,
            Folder = Directory.CreateDirectory(Path.Combine(_folder, $"silo-{u}")).FullName,
        };
    }

    // The whole vector at once, as the specification reads: weight and clip, rotate, scale and round, weight last.
    private byte[] Quantised(RoundScope scope, RingLayout layout, float[] update, long weight)
    {
        SquaredNorm norm = new();
        norm.Add(update);
        double factor = UpdateQuantizer.Factor(norm.Norm, layout.Segments[0].Clip, weight / (double)layout.Limit);
        byte[] words = new byte[scope.VectorBytes];
        Span<byte> model = words.AsSpan(0, words.Length - scope.Ring.WordBytes);
        using UpdateQuantizer quantizer = new(layout, _coins.Span);
        if (layout.Rotated)
        {
            double[] padded = [.. update, .. new double[layout.D - 1 - update.Length]];
            using HadamardRotation rotation = new(scope.Rid);
            foreach ((long first, int length) in HadamardRotation.Blocks(padded.Length))
            {
                rotation.Forward(padded.AsSpan((int)first, length), first);
            }

            quantizer.Quantize(0, 0, padded, factor, model);
        }
        else
        {
            quantizer.Quantize(0, 0, update, factor, model);
        }

        RingWords.Write(scope.Ring, words, (int)(scope.D - 1), weight);
        return words;
    }

    private static byte[] Unmasked(TestFederation federation, RoundScope scope, MaskedVector masked)
    {
        byte[] mask = new byte[scope.VectorBytes];
        using RoundMasks masks = RoundMasks.OfSilo(scope, federation.Secrets[1]);
        masks.Apply(mask, 0);
        byte[] plain = File.ReadAllBytes(masked.Path);
        RingWords.Subtract(scope.Ring, plain, mask);
        return plain;
    }

    private static long Lifted(RingLayout layout, byte[] plain, int coordinate) => layout.Ring.Lift(RingWords.Read(layout.Ring, plain, coordinate));
}
