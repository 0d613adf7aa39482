// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Errors;

namespace FedCloud.Cloud.Telemetry;

/// <summary>Whether telemetry leaves the process, and where to: OpenTelemetry's own variables, which the exporter reads too.</summary>
/// <remarks>The exporter would pass over a value that it cannot use, and nobody would know why nothing comes.</remarks>
public static class OtlpSettings
{
    private const string Endpoint = "OTEL_EXPORTER_OTLP_ENDPOINT";
    private const string Protocol = "OTEL_EXPORTER_OTLP_PROTOCOL";

    /// <summary>Whether there is somewhere to send telemetry to.</summary>
    /// <param name="variable">The environment.</param>
    /// <exception cref="FedCloudException"><c>setting_missing</c>: a variable is set and unusable.</exception>
    public static bool IsOn(Func<string, string?> variable)
    {
        ArgumentNullException.ThrowIfNull(variable);
        if (string.Equals(variable("OTEL_SDK_DISABLED"), "true", StringComparison.OrdinalIgnoreCase) || variable(Endpoint) is not { Length: > 0 } endpoint)
        {
            return false;
        }

        // Their values are not shown: an address may hold a password.
        if (!Uri.TryCreate(endpoint, UriKind.Absolute, out Uri? address) || address.Scheme is not ("http" or "https"))
        {
            throw new FedCloudException(ErrorCodes.SettingMissing, $"expected {Endpoint} to be an http or https address, found something else");
        }

        return variable(Protocol) is null or "" or "grpc" or "http/protobuf"
            ? true
            : throw new FedCloudException(ErrorCodes.SettingMissing, $"expected {Protocol} to be grpc or http/protobuf, found something else");
    }
}
