// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Protocol.Audit;

/// <summary>The names of the entry types (audit-log, section 7).</summary>
public static class EntryTypes
{
    /// <summary>A roster is in force from here on.</summary>
    public const string Roster = "roster";

    /// <summary>A silo's signed policy.</summary>
    public const string Policy = "policy";

    /// <summary>A plan is submitted.</summary>
    public const string PlanSubmitted = "plan_submitted";

    /// <summary>A silo takes part in a run.</summary>
    public const string PlanApproved = "plan_approved";

    /// <summary>A silo takes no part in a run.</summary>
    public const string PlanRefused = "plan_refused";

    /// <summary>An epoch opens.</summary>
    public const string EpochOpen = "epoch_open";

    /// <summary>An epoch's slots are usable.</summary>
    public const string EpochReady = "epoch_ready";

    /// <summary>An epoch is given up before it was ready.</summary>
    public const string EpochAbandoned = "epoch_abandoned";

    /// <summary>A silo's agent started.</summary>
    public const string AgentStarted = "agent_started";

    /// <summary>A silo's commitment in a draw of groups.</summary>
    public const string BeaconCommit = "beacon_commit";

    /// <summary>What a silo had committed to.</summary>
    public const string BeaconReveal = "beacon_reveal";

    /// <summary>A draw is void, since a reveal is missing.</summary>
    public const string BeaconVoid = "beacon_void";

    /// <summary>A round starts.</summary>
    public const string RoundStart = "round_start";

    /// <summary>A silo's masked update was accepted.</summary>
    public const string Masked = "masked";

    /// <summary>A silo's slot is burned.</summary>
    public const string Burned = "burned";

    /// <summary>The set that is opened.</summary>
    public const string U3 = "u3";

    /// <summary>A round's result.</summary>
    public const string Result = "result";

    /// <summary>A round failed.</summary>
    public const string RoundFailed = "round_failed";

    /// <summary>A gate's decision.</summary>
    public const string Gate = "gate";

    /// <summary>Somebody saw something that must not be.</summary>
    public const string Alarm = "alarm";

    /// <summary>A ledger's entry.</summary>
    public const string Budget = "budget";

    /// <summary>A model is released.</summary>
    public const string ModelReleased = "model_released";

    /// <summary>A channel points to another model.</summary>
    public const string ChannelMoved = "channel_moved";

    /// <summary>A run goes on from an earlier model.</summary>
    public const string ModelRolledBack = "model_rolled_back";

    /// <summary>The wrapping key in use.</summary>
    public const string KekCurrent = "kek_current";

    /// <summary>A key is rotated, with an overlap.</summary>
    public const string KeyRotated = "key_rotated";

    /// <summary>A lost or stolen key is replaced.</summary>
    public const string KeyReplaced = "key_replaced";

    /// <summary>A key is no longer used.</summary>
    public const string KeyRetired = "key_retired";

    /// <summary>A silo is invited.</summary>
    public const string SiloInvited = "silo_invited";

    /// <summary>A silo's keys are enrolled.</summary>
    public const string IdentityEnrolled = "identity_enrolled";

    /// <summary>A silo's keys are revoked.</summary>
    public const string IdentityRevoked = "identity_revoked";

    /// <summary>The federation ended.</summary>
    public const string FederationClosed = "federation_closed";

    /// <summary>Somebody accessed something.</summary>
    public const string Access = "access";

    /// <summary>Code was deployed.</summary>
    public const string Deploy = "deploy";

    /// <summary>Evidence was exported.</summary>
    public const string Export = "export";
}
