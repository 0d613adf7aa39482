// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text.Json;
using System.Text.Json.Serialization;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Signing;

namespace FedCloud.Protocol.Reports;

/// <summary>A silo administrator's consent that values of this silo appear in one report (compliance reports, rule C1). Signed with AK, in a DSSE envelope of its own payload type.</summary>
/// <remarks>It is for one run and one framework, and either for every checkpoint of the run, by the run's configuration, or for one checkpoint, by its root. Consent is no accounting: it lets nothing appear that a privacy claim forbids.</remarks>
public sealed record ReportConsent
{
    /// <summary>The DSSE payload type.</summary>
    public const string PayloadType = "application/vnd.fedcloud.report-consent+json";

    /// <summary>The largest file of a consent, in bytes.</summary>
    public const int MaxBytes = 64 << 10;

    /// <summary>The version of this record's shape: 1.</summary>
    public const int CurrentVersion = 1;

    /// <summary>The version of this record's shape.</summary>
    public required int V { get; init; }

    /// <summary>The federation.</summary>
    public required FederationId Federation { get; init; }

    /// <summary>The silo whose values may appear.</summary>
    public required SiloId SiloId { get; init; }

    /// <summary>The run that the report is about.</summary>
    public required RunId Job { get; init; }

    /// <summary>The framework, one of <see cref="ReportFramework.All"/>.</summary>
    public required string Framework { get; init; }

    /// <summary>The run's configuration; null where <see cref="EvidenceRoot"/> is given.</summary>
    public required Sha256Digest? ConfigSha256 { get; init; }

    /// <summary>The root of the checkpoint at which the evidence ends, in hexadecimal; null where <see cref="ConfigSha256"/> is given.</summary>
    public required Sha256Digest? EvidenceRoot { get; init; }

    /// <summary>The signed bytes.</summary>
    public byte[] ToJcs() => Jcs.Serialize(this, ReportConsentJson.Default.ReportConsent);

    /// <summary>Reads a consent strictly, and checks that the silo's administrator signed it.</summary>
    /// <param name="file">The envelope as JSON, with one signature.</param>
    /// <param name="administratorOf">The administrator key of a silo as the roster has it; null for a silo that no roster has.</param>
    /// <exception cref="FedCloudException"><c>report_consent_invalid</c>.</exception>
    public static ReportConsent Open(ReadOnlySpan<byte> file, Func<SiloId, VerificationKey?> administratorOf)
    {
        ArgumentNullException.ThrowIfNull(administratorOf);
        DsseEnvelope envelope = ReadEnvelope(file);
        ReportConsent consent = ReadBody(envelope);
        VerificationKey key = administratorOf(consent.SiloId) ?? throw Invalid($"the consent is of {consent.SiloId}, which no roster of the evidence has");
        return envelope.IsSignedBy(key)
            ? consent
            : throw Invalid($"expected a signature of the administrator of {consent.SiloId}, key {key.Fingerprint.Hex[..16]}…, found none that verifies");
    }

    /// <summary>Checks that the consent is for a report.</summary>
    /// <param name="federation">The report's federation.</param>
    /// <param name="job">Its run.</param>
    /// <param name="framework">Its framework.</param>
    /// <param name="config">The run's configuration as the log names it; null where the log does not.</param>
    /// <param name="root">The root of the checkpoint at which its evidence ends.</param>
    /// <exception cref="FedCloudException"><c>report_consent_invalid</c>.</exception>
    public void RequireFor(FederationId federation, RunId job, string framework, Sha256Digest? config, MerkleHash root)
    {
        if (Federation != federation || Job != job || !string.Equals(Framework, framework, StringComparison.Ordinal))
        {
            throw Invalid($"expected a consent of {SiloId} to the report {framework} of {job} in {federation}, found one to {Framework} of {Job} in {Federation}");
        }

        if (ConfigSha256 is { } plan ? plan != config : EvidenceRoot != root.ToDigest())
        {
            throw Invalid($"the consent of {SiloId} is for {(ConfigSha256 is null ? "another checkpoint" : "another configuration of the run")}");
        }
    }

    private static DsseEnvelope ReadEnvelope(ReadOnlySpan<byte> file)
    {
        try
        {
            if (file.Length <= MaxBytes && StrictJson.Deserialize(file, ReportConsentJson.Default.DsseEnvelope) is { Signatures: [{ KeyId: not null, Sig: not null }] } envelope)
            {
                return envelope;
            }
        }
        catch (JsonException error)
        {
            throw Invalid($"{error.Path ?? "the text"} does not have the form of an envelope", error);
        }

        throw Invalid($"expected an envelope of at most {MaxBytes} bytes with one signature, found another");
    }

    private static ReportConsent ReadBody(DsseEnvelope envelope)
    {
        if (!string.Equals(envelope.PayloadType, PayloadType, StringComparison.Ordinal))
        {
            throw Invalid($"expected the payload type {PayloadType}, found another");
        }

        ReportConsent consent;
        try
        {
            consent = Jcs.Parse(envelope.Payload, ReportConsentJson.Default.ReportConsent, "consent");
        }
        catch (FedCloudException error)
        {
            throw Invalid(error.Found, error);
        }

        bool known = consent.V == CurrentVersion && ReportFramework.All.Contains(consent.Framework, StringComparer.Ordinal);
        return known && consent.ConfigSha256 is null != consent.EvidenceRoot is null
            ? consent
            : throw Invalid("expected version 1, a known framework, and either config_sha256 or evidence_root, found another");
    }

    private static FedCloudException Invalid(string found, Exception? cause = null) => new(ErrorCodes.ReportConsentInvalid, found, cause: cause);
}

/// <summary>Strict JSON of consents.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    AllowDuplicateProperties = false,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(ReportConsent))]
[JsonSerializable(typeof(DsseEnvelope))]
public sealed partial class ReportConsentJson : JsonSerializerContext;
