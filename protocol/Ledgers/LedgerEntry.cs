// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text.Json.Serialization;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Privacy;

namespace FedCloud.Protocol.Ledgers;

/// <summary>One line of a privacy ledger: canonical JSON, chained by hashes (rule L12). Members that a type does not have are absent.</summary>
/// <remarks>
/// Every number is a decimal string. <see cref="Rdp"/> is always that of one charge: a reserve holds it <see cref="Rounds"/> times,
/// a recompute after a discontinuous start adds it <see cref="Counted"/> times.
/// </remarks>
public sealed record LedgerEntry
{
    /// <summary>The most bytes of a line.</summary>
    public const int MaxBytes = 8192;

    /// <summary>The number of the line, from 1.</summary>
    public required long Seq { get; init; }

    /// <summary>The hash of the line before; 64 zeros for the first.</summary>
    public required Sha256Digest PrevHash { get; init; }

    /// <summary>What the line says.</summary>
    public required LedgerEntryType Type { get; init; }

    /// <summary>When it was written: RFC 3339, UTC, seconds.</summary>
    public required string Time { get; init; }

    /// <summary>The data set's commitment, the same in every line of a ledger (rule L3).</summary>
    public required Sha256Digest DatasetCommitment { get; init; }

    /// <summary>The job.</summary>
    public RunId? Job { get; init; }

    /// <summary>The round of a charge.</summary>
    public long? Round { get; init; }

    /// <summary>What identifies the noise of a charge: the same noised bytes have the same, new noise has another (rule L8).</summary>
    public Sha256Digest? NoiseId { get; init; }

    /// <summary>What is paid for.</summary>
    public LedgerMechanism? Mechanism { get; init; }

    /// <summary>What is protected.</summary>
    public PrivacyUnit? Unit { get; init; }

    /// <summary>The noise multiplier.</summary>
    [JsonConverter(typeof(NullableDecimalStringJsonConverter))]
    public decimal? Z { get; init; }

    /// <summary>The effective noise multiplier.</summary>
    [JsonConverter(typeof(NullableDecimalStringJsonConverter))]
    public decimal? ZEff { get; init; }

    /// <summary>The sampling rate.</summary>
    [JsonConverter(typeof(NullableDecimalStringJsonConverter))]
    public decimal? Q { get; init; }

    /// <summary>Steps of one round.</summary>
    public long? Steps { get; init; }

    /// <summary>The L2 bound of one unit's contribution.</summary>
    [JsonConverter(typeof(NullableDecimalStringJsonConverter))]
    public decimal? Clip { get; init; }

    /// <summary>The RDP vector of one charge.</summary>
    [JsonConverter(typeof(LedgerRdpJsonConverter))]
    public LedgerRdp? Rdp { get; init; }

    /// <summary>The reported epsilon of the whole job.</summary>
    [JsonConverter(typeof(NullableDecimalStringJsonConverter))]
    public decimal? PldEps { get; init; }

    /// <summary>The job's delta.</summary>
    [JsonConverter(typeof(NullableDecimalStringJsonConverter))]
    public decimal? Delta { get; init; }

    /// <summary>The accountant's version.</summary>
    public string? AccountantVersion { get; init; }

    /// <summary>The sampler's profile.</summary>
    public string? SamplerProfile { get; init; }

    /// <summary>The administrator's signature of the approval, or of the policy that approves; base64.</summary>
    public string? ApprovalSig { get; init; }

    /// <summary>The digest of the job's plan.</summary>
    public Sha256Digest? ConfigSha256 { get; init; }

    /// <summary>The most rounds of the reserve.</summary>
    public long? Rounds { get; init; }

    /// <summary>How many mechanisms the job's reserve has, each with a line of its own.</summary>
    public long? Mechanisms { get; init; }

    /// <summary>How many reserves of the job count, after a discontinuous start.</summary>
    public long? Reserves { get; init; }

    /// <summary>How many charges count as spent from this line on, after a discontinuous start.</summary>
    public long? Counted { get; init; }

    /// <summary>Why: the error code of a refusal, or what made a recompute necessary.</summary>
    public string? Reason { get; init; }

    /// <summary>The limit's eps_max.</summary>
    [JsonConverter(typeof(NullableDecimalStringJsonConverter))]
    public decimal? EpsMax { get; init; }

    /// <summary>The limit's delta_max.</summary>
    [JsonConverter(typeof(NullableDecimalStringJsonConverter))]
    public decimal? DeltaMax { get; init; }

    /// <summary>The SHA-256 of the training file.</summary>
    public Sha256Digest? ManifestSha256 { get; init; }

    /// <summary>The declared number of records.</summary>
    public long? Records { get; init; }

    /// <summary>The limit that the line sets; null for other types.</summary>
    [JsonIgnore]
    public LedgerLimit? Limit => (Type, EpsMax, DeltaMax, Unit, Records, ManifestSha256) is (LedgerEntryType.Limit, { } epsMax, { } deltaMax, { } unit, { } records, { } manifest)
        ? new LedgerLimit { EpsMax = epsMax, DeltaMax = deltaMax, Unit = unit, Records = records, ManifestSha256 = manifest }
        : null;

    /// <summary>The terms that the line holds; null for a type without.</summary>
    [JsonIgnore]
    public LedgerTerms? Terms =>
        (Mechanism, Unit, Z, ZEff, Q, Steps, Clip) is ({ } mechanism, { } unit, { } z, { } zEff, { } q, { } steps, { } clip)
        && (Rdp, PldEps, Delta, AccountantVersion, SamplerProfile) is ({ } rdp, { } pldEps, { } delta, { } version, { } profile)
            ? new LedgerTerms { Mechanism = mechanism, Unit = unit, Z = z, ZEff = zEff, Q = q, Steps = steps, Clip = clip, Rdp = rdp, PldEps = pldEps, Delta = delta, AccountantVersion = version, SamplerProfile = profile }
            : null;

    /// <summary>Reads a line.</summary>
    /// <param name="line">Its bytes, without the line's end.</param>
    /// <exception cref="FedCloudException"><c>ledger_entry_malformed</c>.</exception>
    public static LedgerEntry Parse(ReadOnlySpan<byte> line)
    {
        if (line.Length > MaxBytes)
        {
            throw Malformed($"expected at most {MaxBytes} bytes, found {line.Length}");
        }

        LedgerEntry entry;
        try
        {
            entry = Jcs.Parse(line, LedgerJson.Default.LedgerEntry, "a line of the ledger");
        }
        catch (FedCloudException error)
        {
            throw Malformed(error.Found, error);
        }

        // Numbers in quotes have several spellings; one is right.
        return entry.ToBytes().AsSpan().SequenceEqual(line) ? entry : throw Malformed("a value is not in its canonical spelling");
    }

    /// <summary>The line, without its end.</summary>
    /// <exception cref="FedCloudException"><c>ledger_entry_malformed</c>.</exception>
    public byte[] ToBytes()
    {
        if (LedgerEntryRules.Fault(this) is { } fault)
        {
            throw Malformed(fault);
        }

        return Jcs.Serialize(this, LedgerJson.Default.LedgerEntry);
    }

    /// <summary>The SHA-256 of the line: the ledger's head after it.</summary>
    public Sha256Digest Hash() => Sha256Digest.Of(ToBytes());

    /// <summary>The entry with the members that terms have.</summary>
    internal LedgerEntry With(LedgerTerms terms) => this with
    {
        Mechanism = terms.Mechanism,
        Unit = terms.Unit,
        Z = terms.Z,
        ZEff = terms.ZEff,
        Q = terms.Q,
        Steps = terms.Steps,
        Clip = terms.Clip,
        Rdp = terms.Rdp,
        PldEps = terms.PldEps,
        Delta = terms.Delta,
        AccountantVersion = terms.AccountantVersion,
        SamplerProfile = terms.SamplerProfile,
    };

    private static FedCloudException Malformed(string found, Exception? cause = null) => new(ErrorCodes.LedgerEntryMalformed, found, cause: cause);
}

/// <summary>Strict JSON of ledger lines.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    AllowDuplicateProperties = false,
    RespectNullableAnnotations = true,
    NumberHandling = JsonNumberHandling.AllowReadingFromString | JsonNumberHandling.WriteAsString,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull)]
[JsonSerializable(typeof(LedgerEntry))]
public sealed partial class LedgerJson : JsonSerializerContext;
