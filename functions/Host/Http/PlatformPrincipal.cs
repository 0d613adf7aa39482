// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text.Json;
using System.Text.Json.Serialization;
using FedCloud.Api;
using Microsoft.AspNetCore.Http;

namespace FedCloud.Functions.Http;

/// <summary>The caller as App Service authentication passes it on, after it has checked the token of Entra.</summary>
/// <remarks>The platform removes such headers from what comes from outside, but only while its authentication is on. Where it is not, nobody has a role.</remarks>
/// <param name="isOn">Whether the platform's authentication is on, and the API has an application.</param>
public sealed class PlatformPrincipal(bool isOn)
{
    private const string Header = "X-MS-CLIENT-PRINCIPAL";
    private const string Entra = "aad";
    private const int MaxHeader = 64 * 1024;

    /// <summary>The caller's roles; none for a caller whom the platform does not name.</summary>
    public ApiRoles RolesOf(HttpContext http)
    {
        ArgumentNullException.ThrowIfNull(http);
        if (!isOn || http.Request.Headers[Header].ToString() is not { Length: > 0 and < MaxHeader } header || Read(header) is not { AuthType: Entra, Claims: { } claims } principal)
        {
            return ApiRoles.None;
        }

        return claims
            .OfType<Claim>()
            .Where(claim => string.Equals(claim.Type, principal.RoleType ?? "roles", StringComparison.Ordinal) || string.Equals(claim.Type, "roles", StringComparison.Ordinal))
            .Aggregate(ApiRoles.None, (roles, claim) => roles | claim.Value switch
            {
                nameof(ApiRoles.Operator) => ApiRoles.Operator,
                nameof(ApiRoles.Auditor) => ApiRoles.Auditor,
                _ => ApiRoles.None,
            });
    }

    private static Principal? Read(string header)
    {
        try
        {
            return JsonSerializer.Deserialize(Convert.FromBase64String(header), PrincipalJson.Default.Principal);
        }
        catch (Exception error) when (error is FormatException or JsonException)
        {
            return null;
        }
    }
}

/// <summary>The header's form.</summary>
/// <param name="AuthType">The provider.</param>
/// <param name="Claims">What the token says.</param>
/// <param name="NameType">Which claim is the name.</param>
/// <param name="RoleType">Which claim is a role.</param>
internal sealed record Principal(
    [property: JsonPropertyName("auth_typ")] string? AuthType,
    [property: JsonPropertyName("claims")] Claim?[]? Claims,
    [property: JsonPropertyName("name_typ")] string? NameType,
    [property: JsonPropertyName("role_typ")] string? RoleType);

/// <summary>A claim.</summary>
/// <param name="Type">Its type.</param>
/// <param name="Value">Its value.</param>
internal sealed record Claim([property: JsonPropertyName("typ")] string? Type, [property: JsonPropertyName("val")] string? Value);

/// <summary>Reads the header.</summary>
[JsonSourceGenerationOptions(RespectNullableAnnotations = true, RespectRequiredConstructorParameters = false)]
[JsonSerializable(typeof(Principal))]
internal sealed partial class PrincipalJson : JsonSerializerContext;
