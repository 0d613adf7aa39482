// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text;
using FedCloud.Api;
using FedCloud.Functions.Http;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace FedCloud.Functions.Tests.Http;

/// <summary>Who calls, as the platform says it: whatever is not plainly so has no role.</summary>
public sealed class PlatformPrincipalTests
{
    private const string Header = "X-MS-CLIENT-PRINCIPAL";
    private const string RoleType = "http://schemas.microsoft.com/ws/2008/06/identity/claims/role";

    [Fact]
    public void Roles_HeaderWithoutThePlatformsAuthentication_AreNone() => Assert.Equal(ApiRoles.None, RolesOf(Encoded(Principal(("roles", "Operator"))), isOn: false));

    [Fact]
    public void Roles_NoHeader_AreNone() => Assert.Equal(ApiRoles.None, new PlatformPrincipal(isOn: true).RolesOf(new DefaultHttpContext()));

    public static TheoryData<string> Malformed() =>
    [
        string.Empty,
        " ",
        "Operator",
        "%%%",
        Encoded("not JSON"),
        Encoded("null"),
        Encoded("[]"),
        Encoded("\"Operator\""),
        Encoded("{}"),
        Encoded("{\"auth_typ\":\"aad\"}"),
        Encoded("{\"auth_typ\":\"aad\",\"claims\":null}"),
        Encoded("{\"auth_typ\":\"aad\",\"claims\":[null]}"),
        Encoded("{\"auth_typ\":\"aad\",\"claims\":[{}]}"),
        Encoded("{\"auth_typ\":\"aad\",\"claims\":[{\"typ\":\"roles\"}]}"),
        Encoded("{\"auth_typ\":\"aad\",\"claims\":[{\"typ\":null,\"val\":\"Operator\"}]}"),
        Encoded("{\"auth_typ\":\"aad\",\"claims\":[{\"typ\":\"roles\",\"val\":[\"Operator\"]}]}"),
        Encoded("{\"auth_typ\":\"aad\",\"claims\":{\"roles\":\"Operator\"}}"),
        Encoded(Principal(("roles", "Operator"))[..^2]),
        Encoded(Principal(("roles", "Operator"))) + "," + Encoded(Principal(("roles", "Auditor"))),
    ];

    [Theory]
    [MemberData(nameof(Malformed))]
    public void Roles_MalformedHeader_AreNone(string header) => Assert.Equal(ApiRoles.None, RolesOf(header));

    [Theory]
    [InlineData("Operator", ApiRoles.Operator)]
    [InlineData("Auditor", ApiRoles.Auditor)]
    [InlineData("operator", ApiRoles.None)]
    [InlineData("Operator ", ApiRoles.None)]
    [InlineData("Operator,Auditor", ApiRoles.None)]
    [InlineData("2", ApiRoles.None)]
    [InlineData("None", ApiRoles.None)]
    [InlineData("", ApiRoles.None)]
    public void Roles_OneClaim_IsARoleOrNothing(string value, ApiRoles expected) => Assert.Equal(expected, RolesOf(Encoded(Principal(("roles", value)))));

    [Fact]
    public void Roles_SeveralClaims_AreTakenTogether()
    {
        Assert.Equal(ApiRoles.Operator | ApiRoles.Auditor, RolesOf(Encoded(Principal(("roles", "Auditor"), ("name", "a person"), ("roles", "Guest"), ("roles", "Operator")))));
    }

    [Theory]
    [InlineData("groups", ApiRoles.None)]
    [InlineData("name", ApiRoles.None)]
    [InlineData("Roles", ApiRoles.None)]
    [InlineData("roles", ApiRoles.Auditor)]
    [InlineData(RoleType, ApiRoles.Auditor)]
    public void Roles_ClaimOfAnotherType_IsNone(string type, ApiRoles expected) => Assert.Equal(expected, RolesOf(Encoded(Principal((type, "Auditor")))));

    // Another provider that somebody turns on may let its users choose what their tokens say.
    [Theory]
    [InlineData("\"aad\"", ApiRoles.Operator)]
    [InlineData("\"github\"", ApiRoles.None)]
    [InlineData("\"\"", ApiRoles.None)]
    [InlineData("null", ApiRoles.None)]
    public void Roles_AnotherProvidersClaims_AreNone(string provider, ApiRoles expected) =>
        Assert.Equal(expected, RolesOf(Encoded($"{{\"auth_typ\":{provider},\"claims\":[{{\"typ\":\"roles\",\"val\":\"Operator\"}}]}}")));

    [Fact]
    public void Roles_OversizedHeader_AreNone()
    {
        (string, string)[] claims = [.. Enumerable.Range(0, 2_000).Select(group => ("groups", Guid.Empty.ToString())), ("roles", "Operator")];
        string header = Encoded(Principal(claims));

        Assert.True(header.Length > 64 * 1024);
        Assert.Equal(ApiRoles.None, RolesOf(header));
    }

    private static ApiRoles RolesOf(string header, bool isOn = true)
    {
        DefaultHttpContext http = new();
        http.Request.Headers[Header] = header;
        return new PlatformPrincipal(isOn).RolesOf(http);
    }

    private static string Principal(params (string Type, string Value)[] claims) =>
        $"{{\"auth_typ\":\"aad\",\"claims\":[{string.Join(',', claims.Select(claim => $"{{\"typ\":\"{claim.Type}\",\"val\":\"{claim.Value}\"}}"))}],\"name_typ\":\"name\",\"role_typ\":\"{RoleType}\"}}";

    private static string Encoded(string json) => Convert.ToBase64String(Encoding.UTF8.GetBytes(json));
}
