// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Enrolment;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Signing;

namespace FedCloud.Protocol.Audit.Verification;

/// <summary>Whether entries about keys name keys that had that role (V11). The log key has a check of its own.</summary>
internal sealed class KeyEntryCheck(Findings findings) : IEntryCheck
{
    private const string Check = "V11";
    private const string LogKey = "lk";

    private readonly HashSet<(string Purpose, Sha256Digest Key)> _known = [];
    private int _version;
    private bool _hasRounds;

    public void Take(LoggedEntry logged)
    {
        if (logged.Version != _version)
        {
            _version = logged.Version;
            _known.UnionWith(KeysOf(logged.Roster));
        }

        switch (logged.Type)
        {
            case EntryTypes.KekCurrent:
                _known.Add((FederationEntries.WrappingPurpose, logged.Subject("kek")));
                break;
            case EntryTypes.KeyRotated or EntryTypes.KeyReplaced or EntryTypes.KeyRetired:
                TakeChange(logged);
                break;
            case EntryTypes.Masked:
                _hasRounds = true;
                break;
        }
    }

    public void Finish()
    {
        if (_hasRounds)
        {
            findings.NotRecomputed(Check, "that each upload was encrypted for a logged wrapping key: uploads are not in the evidence");
        }
    }

    private void TakeChange(LoggedEntry logged)
    {
        string purpose = logged.Text("purpose");
        bool isRosters = !string.Equals(purpose, FederationEntries.WrappingPurpose, StringComparison.Ordinal);
        bool retired = string.Equals(logged.Type, EntryTypes.KeyRetired, StringComparison.Ordinal);
        bool knowsNew = !logged.Entry.Subjects.TryGetValue("new", out Sha256Digest next)
            || (isRosters ? KeysOf(logged.Roster).Contains((purpose, next)) : !retired || _known.Contains((purpose, next)));
        if (!_known.Contains((purpose, logged.Subject("old"))) || (!knowsNew && !string.Equals(purpose, LogKey, StringComparison.Ordinal)))
        {
            findings.AtEntry(Check, ErrorCodes.KeyChangeUnknown, logged.Index, $"{logged.Type} of a {purpose} whose old or new key has not that role here");
        }
    }

    private static IEnumerable<(string Purpose, Sha256Digest Key)> KeysOf(Roster roster) =>
    [
        .. roster.Members.Select(member => ("ik", member.IkSpkiSha256)),
        .. roster.Members.Select(member => ("wk", VerificationKey.FromVKey(member.WitnessVkey).Fingerprint)),
        .. roster.Members.Select(member => ("ak", member.AdminSpkiSha256)),
        .. roster.CoordinatorSpkiSha256.Select(key => ("ck", key)),
        (LogKey, VerificationKey.FromVKey(roster.LogVkey).Fingerprint),
    ];
}
