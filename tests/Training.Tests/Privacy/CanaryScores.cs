// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Privacy;

namespace FedCloud.Training.Tests.Privacy;

/// <summary>What an attack thinks of each canary, the larger the likelier a member, beside the coins that decided.</summary>
internal sealed class CanaryScores
{
    private readonly bool[] _memberByScore; // the likeliest first

    public CanaryScores(IReadOnlyList<bool> members, IReadOnlyList<double> scores) =>
        _memberByScore = [.. Enumerable.Range(0, members.Count).OrderByDescending(i => scores[i]).Select(i => members[i])];

    /// <summary>The canaries that were left out.</summary>
    public int Out => _memberByScore.Count(member => !member);

    /// <summary>The canaries that were trained on.</summary>
    public int In => _memberByScore.Length - Out;

    /// <summary>Guesses "in" for the likeliest, "out" for the least likely, as many of each.</summary>
    public CanaryGuesses Guess(int each)
    {
        int right = _memberByScore.Take(each).Count(member => member) + _memberByScore.TakeLast(each).Count(member => !member);
        return new CanaryGuesses(_memberByScore.Length, 2 * each, right);
    }

    /// <summary>The part of the members that score above all but a part of the others.</summary>
    public double TruePositiveRate(double falsePositiveRate)
    {
        int allowed = (int)(falsePositiveRate * Out);
        int found = 0;
        foreach (bool member in _memberByScore)
        {
            if (member)
            {
                found++;
            }
            else if (allowed-- == 0)
            {
                break;
            }
        }

        return (double)found / In;
    }
}
