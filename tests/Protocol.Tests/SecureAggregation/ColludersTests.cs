// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Errors;
using FedCloud.Protocol.SecureAggregation;
using FedCloud.Protocol.Signing;
using Xunit;

namespace FedCloud.Protocol.Tests.SecureAggregation;

/// <summary>A coordinator that shows two lists, one with a silo and one without, and silos that collude with it: the bound of section 2 holds, and is tight.</summary>
public sealed class ColludersTests
{
    private const int Victim = 1;

    [Theory]
    [InlineData(4, 1, false)]
    [InlineData(4, 2, true)]
    [InlineData(7, 2, false)]
    [InlineData(7, 3, true)]
    public void T03_TwoLists_OpenOneInputOnlyAboveTheBound(int n, int colluders, bool opens)
    {
        int[] all = [.. Enumerable.Range(1, n)];
        int[] honest = all[..(n - colluders)];
        int[] colluding = all[(n - colluders)..];
        TestFederation federation = new(n);
        RoundScope scope = federation.Scope(40, Ring.K32);
        Dictionary<int, byte[]> inputs = all.ToDictionary(u => u, _ => new byte[scope.VectorBytes]);
        foreach (byte[] input in inputs.Values)
        {
            federation.Fill(input);
        }

        TestRound round = new(federation, scope, inputs);

        // However the honest silos are split: each agrees to one list, the victim to the one that names it.
        bool[] opened = [.. Enumerable.Range(1, honest.Length).Select(with =>
        {
            byte[]? sum = Open(round, all, [.. honest[..with], .. colluding]);
            byte[]? without = Open(round, all[1..], [.. honest[with..], .. colluding]);
            if (sum is null || without is null)
            {
                return false;
            }

            RingWords.Subtract(scope.Ring, sum, without);
            return sum.AsSpan().SequenceEqual(inputs[Victim]);
        })];

        Assert.Equal(opens, colluders > CohortBounds.Of(n).MaxColluders);
        Assert.Equal(opens, opened.Any(isOpen => isOpen));
    }

    // Null where too few agree: no honest silo reveals anything then, and the colluders hold fewer than t shares.
    private static byte[]? Open(TestRound round, int[] u3, int[] willing)
    {
        TestFederation federation = round.Federation;
        U3ListBody list = U3Agreement.List(round.Scope, u3.Select(u => round.Masked[u]));
        U3Agreement agreement = U3Agreement.Open(round.Scope, list, [.. u3.Select(u => round.MaskedEnvelopes[u - 1])], federation.Keys, 0, hasPrivacy: false);
        DsseEnvelope[] agreed = [.. willing.Select(u => federation.Sign(u, agreement.Consistency(u)))];
        if (willing.Length < CohortBounds.Of(round.Scope.Members.Parameters.N).Threshold)
        {
            Assert.Equal(ErrorCodes.ConsistencyInvalid, Assert.Throws<FedCloudException>(() => agreement.RequireConsistency(agreed, federation.Keys)).Code);
            return null;
        }

        agreement.RequireConsistency(agreed, federation.Keys);
        using SecretRecovery recovery = new(round.Scope, agreement, round.Scope.U2.ToDictionary(u => u, federation.Upload));
        foreach (int u in willing)
        {
            Assert.Empty(recovery.Add(federation.Sign(u, federation.Held(u, round.Scope.U2).Unmask(round.Scope, agreement)), federation.Keys));
        }

        using RevealedSecrets secrets = Assert.IsType<Recovery.Complete>(recovery.Recover()).Secrets;
        using MemoryStream sum = new();
        RoundAggregate.Compute(round.Scope, agreement, secrets, u3.ToDictionary(u => u, u => (Stream)new MemoryStream(round.Vectors[u])), sum);
        return sum.ToArray();
    }
}
