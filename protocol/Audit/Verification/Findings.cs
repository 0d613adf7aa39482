// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.Audit.Verification;

/// <summary>Collects findings: all are counted, and the first of each kind are kept, so that a spoiled log cannot fill the memory.</summary>
internal sealed class Findings
{
    private const int KeptOfAKind = 100;

    private readonly List<Finding> _kept = [];
    private readonly Dictionary<(string Check, ErrorCode Code), long> _counts = [];

    public ImmutableArray<Finding> Kept => [.. _kept];

    public long Failures => _counts.Where(count => count.Key.Code.Exit != ExitCode.Done).Sum(count => count.Value);

    public void Add(Finding finding)
    {
        (string, ErrorCode) kind = (finding.Check, finding.Code);
        long count = _counts.GetValueOrDefault(kind) + 1;
        _counts[kind] = count;
        if (count <= KeptOfAKind)
        {
            _kept.Add(finding);
        }
    }

    public void AtEntry(string check, ErrorCode code, long entry, string found, string? expected = null) =>
        Add(new Finding(check, code, found) { Entry = entry, Expected = expected });

    public void AtFile(string check, ErrorCode code, string path, string found, string? expected = null) =>
        Add(new Finding(check, code, found) { Path = path, Expected = expected });

    public void NotRecomputed(string check, string what) => Add(new Finding(check, ErrorCodes.NotRecomputed, what));

    /// <summary>Runs a check that throws when it fails.</summary>
    /// <returns>Whether it passed.</returns>
    public bool Try(string check, string path, Action verify)
    {
        try
        {
            verify();
            return true;
        }
        catch (FedCloudException error)
        {
            AtFile(check, error.Code, path, error.Found);
            return false;
        }
    }
}
