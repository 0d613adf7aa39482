// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.SecureAggregation;

/// <summary>Collects findings; a value that cannot be used counts as differing.</summary>
internal sealed class TranscriptFindings
{
    private readonly ImmutableArray<TranscriptFinding>.Builder _findings = ImmutableArray.CreateBuilder<TranscriptFinding>();

    public ImmutableArray<TranscriptFinding> ToImmutable() => _findings.ToImmutable();

    public void Add(string check, bool matches) => Each(check, ["transcript"], _ => matches);

    public void Add(string check, Func<bool> matches) => Each(check, ["transcript"], _ => matches());

    public bool EachSilo(string check, IEnumerable<int> silos, Func<int, bool> matches) => Each(check, silos.Select(u => $"silo {u}"), (i, _) => matches(i), [.. silos]);

    public bool Each<T>(string check, IReadOnlyList<T> subjects, Func<T, bool> matches)
        where T : notnull => Each(check, subjects.Select(subject => subject.ToString() ?? string.Empty), (subject, _) => matches(subject), subjects);

    public static bool Same(string? left, string? right) => string.Equals(left, right, StringComparison.Ordinal);

    public static byte[] Bytes(string hex, int length) => hex.Length == 2 * length && hex.All(char.IsAsciiHexDigitLower)
        ? Convert.FromHexString(hex)
        : throw new FedCloudException(ErrorCodes.TranscriptMalformed, $"expected {length} bytes in lower-case hexadecimal digits, found another text");

    private bool Each<T>(string check, IEnumerable<string> names, Func<T, int, bool> matches, IReadOnlyList<T> subjects)
    {
        ImmutableArray<string> differing = [.. names.Where((_, i) => !Holds(matches, subjects[i], i))];
        _findings.Add(new TranscriptFinding(check, subjects.Count, differing));
        return differing.IsEmpty;
    }

    // A key off the curve, a share outside the field or a malformed body is a difference, and the other checks go on.
    private static bool Holds<T>(Func<T, int, bool> matches, T subject, int index)
    {
        try
        {
            return matches(subject, index);
        }
        catch (FedCloudException)
        {
            return false;
        }
    }
}
