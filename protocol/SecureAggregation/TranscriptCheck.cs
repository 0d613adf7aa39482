// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Text.Json;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.SecureAggregation;

/// <summary>Recomputes transcripts of FCSA-1 and says, check by check, what matches: the known-answer test of this implementation and of others.</summary>
/// <remarks>
/// It uses the primitives and derivations of this folder and not the step functions, so that a mistake in these does not hide itself.
/// Transcripts hold secrets in the clear and are for test keys only; nothing here is zeroed.
/// </remarks>
public static class TranscriptCheck
{
    /// <summary>Checks a file.</summary>
    /// <param name="utf8Json">An array of transcripts, as tests/vectors/README.md describes them.</param>
    /// <returns>A report for each transcript.</returns>
    /// <exception cref="FedCloudException"><c>transcript_malformed</c>: not JSON of this form.</exception>
    public static ImmutableArray<TranscriptReport> Run(ReadOnlySpan<byte> utf8Json)
    {
        ImmutableArray<Transcript> transcripts;
        try
        {
            transcripts = StrictJson.Deserialize(utf8Json, TranscriptJson.Default.ImmutableArrayTranscript);
        }
        catch (JsonException error)
        {
            throw new FedCloudException(ErrorCodes.TranscriptMalformed, $"{error.Path ?? "the text"} does not have the expected form", cause: error);
        }

        return [.. transcripts.Select(Report)];
    }

    private static TranscriptReport Report(Transcript transcript, int index)
    {
        TranscriptParams sizes = transcript.Params;
        TranscriptFindings findings = new();
        if (TranscriptShape.Check(transcript, findings))
        {
            TranscriptEpochChecks.Run(transcript, findings);
            TranscriptRoundChecks.Run(transcript, findings);
        }

        return new TranscriptReport(
            index,
            $"n={sizes.N} t={sizes.T} d={sizes.D} k={sizes.K} slot={sizes.Slot}/{sizes.Slots} U3={transcript.U3.Length}",
            findings.ToImmutable(),
            [.. TranscriptShape.UnknownMembers(transcript)]);
    }
}
