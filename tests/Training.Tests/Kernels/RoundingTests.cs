// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Training.Kernels;
using FsCheck;
using FsCheck.Fluent;

namespace FedCloud.Training.Tests.Kernels;

public sealed class RoundingTests
{
    private static readonly Gen<float[]> Rows =
        from length in Gen.Choose(1, 70)
        from seed in Gen.Choose(0, int.MaxValue)
        from exponent in Gen.Choose(-100, 100)
        select Row(length, seed, exponent);

    // Half a scale, and what two roundings of a quotient up to 127 add.
    [Fact]
    public void ToInt8_AnyRow_IsOffByAtMostHalfAScale()
    {
        Prop.ForAll(Rows.ToArbitrary(), row =>
        {
            float scale = Rounding.ScaleOf(Rounding.LargestOf(row));
            sbyte[] numbers = new sbyte[row.Length];

            Rounding.ToInt8(row, scale, numbers);

            return Math.Abs(numbers.Max(number => Math.Abs((int)number))) == 127
                && row.Zip(numbers).All(pair => pair.Second >= -127 && Math.Abs(pair.First - ((double)pair.Second * scale)) <= scale * 0.50002);
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(300));
    }

    [Fact]
    public void ToInt8_HalfWay_RoundsToTheEvenNumber()
    {
        sbyte[] numbers = new sbyte[6];

        Rounding.ToInt8([127, 0.5f, 1.5f, 2.5f, -0.5f, -3.5f], 1, numbers);

        Assert.Equal([127, 0, 2, 2, 0, -4], numbers);
    }

    [Theory]
    [InlineData(0f, 0)]
    [InlineData(1e-45f, 0)] // too small for a scale
    [InlineData(2.6e-43f, 127)] // its scale is rounded down by a third
    public void ToInt8_AlmostNothing_StaysFinite(float largest, int expected)
    {
        float scale = Rounding.ScaleOf(largest);
        sbyte[] numbers = new sbyte[1];

        Rounding.ToInt8([largest], scale, numbers);

        Assert.Equal(expected, numbers[0]);
    }

    [Fact]
    public void ToInt8_ManyNumbers_AreThoseOfEachAlone()
    {
        // Quotients up to 200, so that some are clamped, and every fourth half-way.
        float[] row = [.. Row(333, 5, 0).Select((value, i) => i % 4 == 0 ? MathF.Round(value * 100) + 0.5f : value * 200)];
        float[] scales = [.. Enumerable.Range(0, 333).Select(i => i % 9 == 0 ? 0 : i / 100f)];
        sbyte[] ofOneScale = new sbyte[333];
        sbyte[] ofTheirs = new sbyte[333];

        Rounding.ToInt8(row, 1, ofOneScale);
        Rounding.ToInt8(row, scales, ofTheirs);

        Assert.Contains((sbyte)127, ofOneScale);
        for (int i = 0; i < row.Length; i++)
        {
            sbyte[] one = new sbyte[1];
            Rounding.ToInt8([row[i]], 1, one);
            Assert.Equal(one[0], ofOneScale[i]);
            Rounding.ToInt8([row[i]], scales[i], one);
            Assert.Equal(one[0], ofTheirs[i]);
        }
    }

    [Fact]
    public void ToInt8_NothingButZeros_AreZeros()
    {
        sbyte[] numbers = [.. Enumerable.Repeat((sbyte)5, 200)];

        Rounding.ToInt8(new float[200], 0, numbers);

        Assert.All(numbers, number => Assert.Equal(0, number));
    }

    [Fact]
    public void LargestOf_AnyRow_IsItsLargestMagnitude() =>
        Prop.ForAll(Rows.ToArbitrary(), row => Rounding.LargestOf(row) == row.Max(Math.Abs)).Check(Config.QuickThrowOnFailure);

    [Fact]
    public void ToBFloat16_AnyRow_IsTheNearestAndOfTwoTheEvenOne()
    {
        Prop.ForAll(Rows.ToArbitrary(), row =>
        {
            ushort[] numbers = new ushort[row.Length];

            Rounding.ToBFloat16(row, numbers);

            return row.Zip(numbers).All(pair => IsNearest(pair.First, pair.Second));
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(300));

        static bool IsNearest(float value, ushort found)
        {
            double error = Math.Abs(Of(found) - (double)value);
            double below = Math.Abs(Of((ushort)(found - 1)) - (double)value);
            double above = Math.Abs(Of((ushort)(found + 1)) - (double)value);
            return error < Math.Min(below, above) || (error == Math.Min(below, above) && found % 2 == 0);
        }

        static float Of(ushort bits) => BitConverter.UInt32BitsToSingle((uint)bits << 16);
    }

    [Fact]
    public void ToBFloat16_TooLarge_BecomesInfinite()
    {
        ushort[] numbers = new ushort[2];

        Rounding.ToBFloat16([float.MaxValue, 3.38e38f], numbers);

        Assert.Equal([0x7f80, 0x7f7e], numbers.Select(number => (int)number));
    }

    [Fact]
    public void IndexOfNotFinite_AnyPlace_IsFound()
    {
        for (int length = 1; length <= 70; length++)
        {
            for (int i = 0; i < length; i += 3)
            {
                ushort[] numbers = [.. Enumerable.Repeat((ushort)0xbf80, length)];

                Assert.Equal(-1, Rounding.IndexOfNotFinite(numbers));
                numbers[i] = i % 2 == 0 ? (ushort)0xff80 : (ushort)0x7fc0;
                Assert.Equal(i, Rounding.IndexOfNotFinite(numbers));
            }
        }
    }

    // Every third number half-way between two of bfloat16.
    private static float[] Row(int length, int seed, int exponent)
    {
        Random random = new(seed);
        return [.. Enumerable.Range(0, length).Select(i =>
        {
            float value = (float)(((random.NextDouble() * 2) - 1) * Math.Pow(2, exponent));
            return i % 3 == 0 ? BitConverter.UInt32BitsToSingle((BitConverter.SingleToUInt32Bits(value) & 0xffff0000) | 0x8000) : value;
        })];
    }
}
