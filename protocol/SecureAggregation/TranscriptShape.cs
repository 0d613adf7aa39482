// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;
using System.Text.Json;

namespace FedCloud.Protocol.SecureAggregation;

/// <summary>Whether a transcript has the sizes that its parameters say, without which nothing else can be checked.</summary>
internal static class TranscriptShape
{
    public static bool Check(Transcript transcript, TranscriptFindings findings)
    {
        TranscriptParams sizes = transcript.Params;
        bool hasSizes = findings.Each("params", [sizes.N], n => sizes.T == CohortBounds.Of(n).Threshold
            && sizes.K == Ring.OfBits(sizes.K).Bits && sizes.D >= 1
            && sizes.Slots is >= 1 and <= Fcsa1.MaxSlots && sizes.Slot >= 0 && sizes.Slot < sizes.Slots && sizes.Round is >= 0 and <= Fcsa1.MaxInteger);
        return hasSizes && findings.Each("member_counts", ["transcript"], _ => HasMembers(transcript));
    }

    public static IEnumerable<string> UnknownMembers(Transcript transcript) =>
    [
        .. Names(transcript.Unknown),
        .. Names(transcript.Params.Unknown).Select(name => $"params.{name}"),
        .. transcript.Silos.SelectMany(silo => Names(silo.Value.Unknown).Select(name => string.Create(CultureInfo.InvariantCulture, $"silos.{silo.Key}.{name}"))),
    ];

    private static IEnumerable<string> Names(Dictionary<string, JsonElement>? members) => members?.Keys.AsEnumerable() ?? [];

    private static bool HasMembers(Transcript transcript)
    {
        TranscriptParams sizes = transcript.Params;
        int[] all = [.. Enumerable.Range(1, sizes.N)];
        return transcript.Silos.Keys.SequenceEqual(all)
            && transcript.Silos.Values.All(silo => HasLists(silo, sizes))
            && ((IEnumerable<int>)[.. transcript.U3, .. transcript.U5Responders, .. sizes.DropBeforeUpload, .. sizes.DropAfterUpload]).All(transcript.Silos.ContainsKey)
            && transcript.AggregateZ.Length == sizes.D
            && transcript.AggregateSigned.Length == sizes.D
            && transcript.ShareCiphertexts.Keys.Order(StringComparer.Ordinal).SequenceEqual(OrderedPairs(all, "->", (u, v) => u != v), StringComparer.Ordinal)
            && transcript.PairwiseKeys.Keys.Order(StringComparer.Ordinal).SequenceEqual(OrderedPairs(all, ",", (u, v) => u < v), StringComparer.Ordinal);
    }

    private static bool HasLists(TranscriptSilo silo, TranscriptParams sizes) =>
        silo.SharesS.Length == sizes.N
        && silo.SharesB.Length == sizes.N
        && silo.ShareCommitments.Length == sizes.N
        && silo.ShareCommitments.All(slice => slice.Length == 2 * sizes.Slots)
        && silo.X.Length == sizes.D
        && (silo.Y is null || silo.Y.Value.Length == sizes.D);

    private static IEnumerable<string> OrderedPairs(int[] all, string separator, Func<int, int, bool> wanted) =>
        all.SelectMany(u => all.Where(v => wanted(u, v)).Select(v => string.Create(CultureInfo.InvariantCulture, $"{u}{separator}{v}"))).Order(StringComparer.Ordinal);
}
