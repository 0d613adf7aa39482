// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.Reports;

/// <summary>The frameworks that reports give evidence for, by the names that a silo's consent and an auditor's command share (compliance reports, section 3).</summary>
public static class ReportFramework
{
    /// <summary>GDPR: records of processing, with articles 5, 17, 25, 28, 30, 32, 33.</summary>
    public const string Gdpr30 = "gdpr-30";

    /// <summary>GDPR: impact assessment, article 35, with 5(1)(c), 25, 32.</summary>
    public const string Gdpr35 = "gdpr-35";

    /// <summary>HIPAA Security Rule.</summary>
    public const string Hipaa = "hipaa";

    /// <summary>EU AI Act.</summary>
    public const string AiAct = "ai-act";

    /// <summary>DORA.</summary>
    public const string Dora = "dora";

    /// <summary>ISO/IEC 42001.</summary>
    public const string Iso42001 = "iso-42001";

    /// <summary>NIST AI RMF.</summary>
    public const string NistAiRmf = "nist-ai-rmf";

    /// <summary>Federal Reserve SR 11-7.</summary>
    public const string Sr117 = "sr-11-7";

    /// <summary>Privacy-preserving federated learning, after the series of NIST and RTA.</summary>
    public const string Ppfl = "ppfl";

    /// <summary>All names.</summary>
    public static ImmutableArray<string> All { get; } = [Gdpr30, Gdpr35, Hipaa, AiAct, Dora, Iso42001, NistAiRmf, Sr117, Ppfl];

    /// <summary>Reads a name.</summary>
    /// <exception cref="FedCloudException"><c>request_malformed</c>, with all names.</exception>
    public static string Parse(string text) => All.Contains(text, StringComparer.Ordinal)
        ? text
        : throw new FedCloudException(ErrorCodes.RequestMalformed, "--framework: expected a framework's name, found another text", $"give one of {string.Join(", ", All)}");
}
