// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Buffers.Binary;
using System.Security.Cryptography;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.Audit.Verification;

/// <summary>Whether a silo whose start was discontinuous went on in an epoch opened before it (V14).</summary>
/// <remarks>The log names a round by its rid. That is a hash over epoch, slot, round, model, configuration and U2, all of which the log has: so the epoch is found again.</remarks>
internal sealed class StartCheck(RoundCheck rounds, Findings findings) : IEntryCheck
{
    private const string Check = "V14";

    private readonly Dictionary<Sha256Digest, long> _opened = [];
    private readonly List<(Sha256Digest Sid, Sha256Digest U2)> _ready = [];
    private readonly Dictionary<string, long> _discontinuous = [];
    private readonly Dictionary<Sha256Digest, Sha256Digest?> _epochOf = [];

    public void Take(LoggedEntry logged)
    {
        switch (logged.Type)
        {
            case EntryTypes.EpochOpen:
                _opened.TryAdd(logged.Subject("sid"), logged.Index);
                break;
            case EntryTypes.EpochReady:
                _ready.Add((logged.Subject("sid"), logged.Subject("u2")));
                break;
            case EntryTypes.AgentStarted when logged.Entry.Fields["continuous"].Flag is false:
                _discontinuous[logged.Entry.Actor.Id] = logged.Index;
                break;
            case EntryTypes.RoundStart when rounds.Find(logged) is { IsPlain: false } round:
                FindEpoch(logged, round);
                break;
            case EntryTypes.Masked when rounds.Find(logged) is { IsPlain: false } round:
                TakeMasked(logged, round);
                break;
        }
    }

    public void Finish()
    {
    }

    /// <summary>rid = SHA256("fedcloud/secagg/v1/round" 00 sid u32(slot) u64(round) model config u64(d) u8(k) U2h) (secure-aggregation, section 4).</summary>
    public static Sha256Digest Rid(Sha256Digest sid, RoundRecord round, Sha256Digest u2)
    {
        byte[] slot = new byte[4];
        byte[] number = new byte[8];
        byte[] d = new byte[8];
        BinaryPrimitives.WriteUInt32BigEndian(slot, (uint)round.Slot);
        BinaryPrimitives.WriteInt64BigEndian(number, round.Round);
        BinaryPrimitives.WriteInt64BigEndian(d, round.D);
        return Sha256Digest.FromBytes(SHA256.HashData((byte[])
        [
            .. "fedcloud/secagg/v1/round"u8, 0, .. sid.ToBytes(), .. slot, .. number,
            .. round.Model.ToBytes(), .. round.Config.ToBytes(), .. d, (byte)round.K, .. u2.ToBytes(),
        ]));
    }

    private void FindEpoch(LoggedEntry logged, RoundRecord round)
    {
        Sha256Digest? sid = null;
        for (int i = _ready.Count - 1; i >= 0 && sid is null; i--)
        {
            sid = Rid(_ready[i].Sid, round, _ready[i].U2) == round.Rid ? _ready[i].Sid : null;
        }

        _epochOf[round.Rid] = sid;
        if (sid is null)
        {
            findings.AtEntry(Check, ErrorCodes.RoundEvidence, logged.Index, "the rid is of no epoch that was ready before, or not of this model, configuration, slot, d and k");
        }
    }

    // In a round that began before the start the vector may have been on its way.
    private void TakeMasked(LoggedEntry logged, RoundRecord round)
    {
        if (round.SiloAt(logged.Integer("idx")) is { } silo
            && _discontinuous.TryGetValue(silo, out long started) && started < round.Start
            && _epochOf.GetValueOrDefault(round.Rid) is { } sid
            && _opened.TryGetValue(sid, out long opened) && opened < started)
        {
            findings.AtEntry(Check, ErrorCodes.StartDiscontinuous, logged.Index, $"{silo} masked in an epoch opened at entry {opened}", $"only epochs opened after its start at entry {started}");
        }
    }
}
