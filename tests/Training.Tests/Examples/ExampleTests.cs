// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Training.Examples;
using FedCloud.Training.Privacy;

namespace FedCloud.Training.Tests.Examples;

public sealed class ExampleTests
{
    private static readonly Example Talk = new([.. Enumerable.Range(10, 20)], [new TokenSpan(6, 9), new TokenSpan(12, 13), new TokenSpan(17, 20)]);

    [Fact]
    public void Of_SeveralSpans_CountsTheirTokensOnly()
    {
        Batch batch = Batch.Of([Talk, new Example([1, 2, 3], [new TokenSpan(0, 2)])]);

        int[] learned = [16, 17, 18, 22, 27, 28, 29];
        Assert.Equal(learned.Length + 1, batch.Counted);
        Assert.Equal(learned, batch.Targets[..19].Where(target => target >= 0));
        Assert.Equal(16, batch.Targets[5]); // in the row of the token before
        Assert.Equal([2], batch.Targets[19..].Where(target => target >= 0));
    }

    [Fact]
    public void Pad_SeveralSpans_IsTheBatch()
    {
        Example[] examples = [Talk, new([1, 2, 3], [new TokenSpan(0, 2)]), new([7, 8, 9, 4], 2), new([5, 6], 2)];
        MicroBatch micro = new(4, 19);
        foreach (Example example in examples)
        {
            micro.Add(example, 0, endsUnit: true);
        }

        micro.Pad();

        Batch batch = Batch.Of(examples);
        Assert.Equal(batch.Tokens, micro.Tokens.ToArray());
        Assert.Equal(batch.Targets, micro.Targets.ToArray());
        Assert.Equal([7, 1, 2, 0], micro.Counted.ToArray());
    }

    [Theory]
    [InlineData(20, "6-9 12-13 17-20", 10)]
    [InlineData(19, "6-9 12-13 17-19", 10)]
    [InlineData(12, "6-9", 10)]
    [InlineData(10, "5-8", 10)]
    [InlineData(8, "4-7", 10)]
    [InlineData(2, "1-2", 10)]
    public void Cut_ToALimit_KeepsTheBeginningAndSomethingToLearn(int longest, string spans, int first)
    {
        Example cut = Talk.Cut(longest, kept: 1);

        Assert.Equal(Math.Min(20, longest), cut.Tokens.Length);
        Assert.Equal(first, cut.Tokens[0]);
        Assert.All(cut.Learned, span => Assert.All(cut.Tokens[span.Start..span.End], id => Assert.Contains(id, (int[])[16, 17, 18, 22, 27, 28, 29])));
        Assert.StartsWith(spans, string.Join(' ', cut.Learned.Select(span => $"{span.Start}-{span.End}")), StringComparison.Ordinal);
    }
}
