// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Cloud.Telemetry;

/// <summary>Every name that telemetry may show: docs/observability.md lists them, and a test holds dashboards and whole runs against them.</summary>
public static class TelemetryNames
{
    /// <summary>The spans of the coordinator.</summary>
    public const string Coordinator = "FedCloud.Coordinator";

    /// <summary>The spans of a silo's agent.</summary>
    public const string SiloAgent = "FedCloud.SiloAgent";

    /// <summary>Span: a message is taken from a mailbox.</summary>
    public const string Take = "fedcloud.message.take";

    /// <summary>Span: an effect is carried out.</summary>
    public const string Effect = "fedcloud.effect";

    /// <summary>Span: a phase of a round, from its beginning to its end.</summary>
    public const string Phase = "fedcloud.round.phase";

    /// <summary>Histogram: how long a phase of a round took.</summary>
    public const string PhaseDuration = "fedcloud.round.phase.duration";

    /// <summary>Histogram: silos in a round's result.</summary>
    public const string Participants = "fedcloud.round.participants";

    /// <summary>Counter: silos that were asked and are not in a round's result.</summary>
    public const string Dropouts = "fedcloud.round.dropouts";

    /// <summary>Counter: bytes that silos uploaded for a round.</summary>
    public const string Bytes = "fedcloud.round.bytes";

    /// <summary>Counter: rounds without a result.</summary>
    public const string Failed = "fedcloud.round.failed";

    /// <summary>Histogram: how long messages waited.</summary>
    public const string MailboxAge = "fedcloud.mailbox.age";

    /// <summary>Gauge: messages that were put aside.</summary>
    public const string DeadLetters = "fedcloud.mailbox.dead_letters";

    /// <summary>Counter: runs with a privacy claim by the range of the epsilon that their plan reserves.</summary>
    public const string EpsilonRange = "fedcloud.privacy.epsilon_range";

    /// <summary>Counter: refusals of silos' privacy ledgers.</summary>
    public const string LedgerRefused = "fedcloud.ledger.refused";

    /// <summary>Gauge: days until a key of the coordinator ends.</summary>
    public const string KeyExpiresIn = "fedcloud.key.expires_in";

    /// <summary>Attribute: the run.</summary>
    public const string Run = "fedcloud.run";

    /// <summary>Attribute: the round's number.</summary>
    public const string Round = "fedcloud.round";

    /// <summary>Attribute: what a message was about, a name of ours.</summary>
    public const string Message = "fedcloud.message";

    /// <summary>Attribute: what was done, a name of ours.</summary>
    public const string EffectName = "fedcloud.effect.name";

    /// <summary>Attribute of a span: why something failed, a code of docs/errors.md or the type of an exception; never its text.</summary>
    public const string Error = "error.type";

    /// <summary>Attribute of spans and metrics: the phase of a round.</summary>
    public const string PhaseName = "phase";

    /// <summary>Attribute of metrics: a mailbox of the coordinator.</summary>
    public const string Mailbox = "mailbox";

    /// <summary>Attribute of metrics: a range of epsilon.</summary>
    public const string Range = "range";

    /// <summary>Attribute of metrics: the name of a key.</summary>
    public const string Key = "key";
}
