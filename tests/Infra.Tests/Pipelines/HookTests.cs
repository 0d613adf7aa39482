// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Diagnostics;
using System.Runtime.Versioning;
using Xunit;

namespace FedCloud.Infra.Tests.Pipelines;

/// <summary>The hooks for POSIX shells, with scripts in the place of az, azd, dotnet and curl.</summary>
[UnsupportedOSPlatform("windows")]
public sealed class HookTests : IDisposable
{
    private const UnixFileMode Executable = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    private readonly string _folder = Directory.CreateTempSubdirectory("fedcloud-hooks-").FullName;
    private readonly Dictionary<string, string> _environment = new(StringComparer.Ordinal)
    {
        ["AZURE_ENV_NAME"] = "trial",
        ["FEDCLOUD_FEDERATION"] = "hospital-federation",
        ["BUDGET_START_DATE"] = "2026-01-01",
    };

    public HookTests()
    {
        Directory.CreateDirectory(Path.Combine(_folder, "bin"));
        Program("az", """
            echo "az $*" >> "$CALLS"
            case "$*" in
            *azure-cli*) echo 2.70.0 ;;
            "account show --query tenantId"*) echo tenant-1 ;;
            *"app list"*) [ ! -f "$FOUND" ] || cat "$FOUND" ;;
            *"app create"*) echo client-1 > "$FOUND"; echo client-1 ;;
            *"sp show"*) exit 3 ;;
            *"policy show"*"query state"*) echo "${RETENTION:-}" ;;
            *"policy show"*"query etag"*) echo etag-1 ;;
            esac
            """);
        Program("azd", """echo "azd $*" >> "$CALLS"; [ "$1" != version ] || echo "azd version ${AZD_VERSION:-1.25.3} (commit 0)" """);
        Program("dotnet", "echo 10.0.100");
        Program("curl", """for last; do :; done; case "$last" in */health) printf %s "$HEALTH" ;; *) printf %s "$API" ;; esac""");
    }

    private string[] Calls => File.Exists(Path.Combine(_folder, "calls")) ? File.ReadAllLines(Path.Combine(_folder, "calls")) : [];

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task Preprovision_FirstRun_MakesTheApplicationOnce()
    {
        _environment.Remove("BUDGET_START_DATE");

        await RunAsync("preprovision", 0);
        await RunAsync("preprovision", 0);

        Assert.Single(Calls, call => call.StartsWith("az ad app create", StringComparison.Ordinal));
        Assert.Equal(2, Calls.Count(call => call == "azd env set AUTH_CLIENT_ID client-1"));
        Assert.Contains("az ad sp update --id client-1 --set appRoleAssignmentRequired=true", Calls);
        Assert.Contains(Calls, call => call.StartsWith("azd env set BUDGET_START_DATE 20", StringComparison.Ordinal) && call.EndsWith("-01", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Preprovision_KnownApplication_IsLeftAlone()
    {
        _environment["AUTH_CLIENT_ID"] = "client-9";

        await RunAsync("preprovision", 0);

        Assert.DoesNotContain(Calls, call => call.StartsWith("az ad", StringComparison.Ordinal) || call.StartsWith("azd env", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Preprovision_LockedLog_SaysSoToTheTemplate()
    {
        (_environment["AZURE_RESOURCE_GROUP"], _environment["FEDCLOUD_AUDIT_ACCOUNT"], _environment["RETENTION"], _environment["FEDCLOUD_NO_API"]) = ("rg", "staudit", "Locked", "true");

        await RunAsync("preprovision", 0);

        Assert.Contains("azd env set AUDIT_LOG_LOCKED true", Calls);
    }

    [Theory]
    [InlineData("FEDCLOUD_FEDERATION", "", "has no id yet")]
    [InlineData("FEDCLOUD_FEDERATION", "Hospital", "expected 3 to 40 small letters")]
    [InlineData("FEDCLOUD_FEDERATION", "a--b", "expected 3 to 40 small letters")]
    [InlineData("FEDCLOUD_FEDERATION", "ab-", "expected 3 to 40 small letters")]
    [InlineData("SILOS", """[{"id": "clinic-north"}, {"kind": "arc", "id": "Clinic"}]""", "has the id 'Clinic'")]
    [InlineData("SILOS", """[{"id":"clinic"},{"id":"clinic"}]""", "has ids twice: clinic")]
    [InlineData("VNET_ENABLED", "true", "needs Service Bus Premium")]
    [InlineData("AZURE_TENANT_ID", "tenant-2", "signed in to tenant tenant-1")]
    [InlineData("AZD_VERSION", "1.9.2", "azd 1.20.0 or later is needed, found 1.9.2")]
    public async Task Preprovision_BadSetting_IsRefusedBeforeAnythingIsMade(string name, string value, string expected)
    {
        _environment[name] = value;

        string said = await RunAsync("preprovision", 1);

        Assert.Contains(expected, said, StringComparison.Ordinal);
        Assert.DoesNotContain(Calls, call => call.StartsWith("az ad", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("Unlocked", 0, true)]
    [InlineData("Locked", 0, false)]
    [InlineData("", 1, false)]
    public async Task Postprovision_LockAsked_LocksOnceAndNothingElse(string retention, int exit, bool isLocking)
    {
        Provisioned();
        (_environment["FEDCLOUD_LOCK_AUDIT_LOG"], _environment["RETENTION"]) = ("true", retention);

        await RunAsync("postprovision", exit);

        Assert.Equal(isLocking, Calls.Any(call => call.Contains("immutability-policy lock", StringComparison.Ordinal) && call.Contains("--if-match etag-1", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Postprovision_NoLockAsked_InvitesEachSilo()
    {
        Provisioned();
        _environment["FEDCLOUD_SILOS"] = """[{"clientId":"","id":"clinic-north","kind":"arc"},{"clientId":"c","id":"bank-hill","kind":"federated"}]""";

        string said = await RunAsync("postprovision", 0);

        Assert.Contains("fedcloud silo invite clinic-north --out clinic-north.invitation.json", said, StringComparison.Ordinal);
        Assert.Contains("fedcloud silo invite bank-hill --out bank-hill.invitation.json", said, StringComparison.Ordinal);
        Assert.DoesNotContain(Calls, call => call.Contains("lock", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("200", "401", 0, "refuses calls without a token")]
    [InlineData("200", "200", 1, "expected 401")]
    [InlineData("503", "401", 1, "/health answers 503")]
    [InlineData("200", "403", 1, "expected 401")]
    public async Task Postdeploy_Answers_AreJudged(string health, string api, int exit, string expected)
    {
        Provisioned();
        (_environment["HEALTH"], _environment["API"], _environment["FEDCLOUD_HOOK_PAUSE"]) = (health, api, "0");

        Assert.Contains(expected, await RunAsync("postdeploy", exit), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("403", 0)]
    [InlineData("200", 1)]
    public async Task Postdeploy_NoApplication_MeansAShutDoor(string api, int exit)
    {
        Provisioned();
        (_environment["AUTH_CLIENT_ID"], _environment["API"]) = (string.Empty, api);

        await RunAsync("postdeploy", exit);
    }

    [Theory]
    [InlineData("Unlocked", "yes", 0, true)]
    [InlineData("Locked", "yes", 0, false)]
    [InlineData("Unlocked", "", 1, false)]
    public async Task Predown_Log_GoesOnlyUnlockedAndOnlyWhenItIsMeant(string retention, string down, int exit, bool isDeleted)
    {
        Provisioned();
        (_environment["RETENTION"], _environment["FEDCLOUD_DOWN"]) = (retention, down);

        string said = await RunAsync("predown", exit);

        Assert.Contains("What stays", said, StringComparison.Ordinal);
        Assert.Equal(exit == 1, said.Contains("nobody is there to ask", StringComparison.Ordinal));
        Assert.Equal(isDeleted, Calls.Any(call => call.Contains("immutability-policy delete", StringComparison.Ordinal)));
    }

    private void Provisioned()
    {
        foreach (string name in new[] { "AZURE_RESOURCE_GROUP", "FEDCLOUD_AUDIT_ACCOUNT", "FEDCLOUD_VAULT", "FEDCLOUD_SERVICEBUS", "FEDCLOUD_STORAGE", "FEDCLOUD_AUDIT_STORAGE", "AUTH_CLIENT_ID", "SERVICE_COORDINATOR_NAME" })
        {
            _environment[name] = name.ToLowerInvariant();
        }

        _environment["SERVICE_COORDINATOR_URI"] = "https://coordinator.example";
    }

    private async Task<string> RunAsync(string hook, int exit)
    {
        ProcessStartInfo start = new("/bin/sh", [Repository.Path($"infra/hooks/{hook}.sh")])
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = _folder,
        };
        start.Environment.Clear();
        foreach ((string name, string value) in _environment)
        {
            start.Environment[name] = value;
        }

        start.Environment["PATH"] = $"{Path.Combine(_folder, "bin")}:/usr/local/bin:/usr/bin:/bin";
        start.Environment["CALLS"] = Path.Combine(_folder, "calls");
        start.Environment["FOUND"] = Path.Combine(_folder, "found");
        using Process process = Process.Start(start) ?? throw new InvalidOperationException("the shell does not start");
        process.StandardInput.Close();
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        string errors = await process.StandardError.ReadToEndAsync();
        string said = await output + errors;
        await process.WaitForExitAsync();
        Assert.True(exit == process.ExitCode, $"expected {exit}, found {process.ExitCode}: {said}");
        return said;
    }

    private void Program(string name, string text)
    {
        string path = Path.Combine(_folder, "bin", name);
        File.WriteAllText(path, "#!/bin/sh\n" + text + "\n");
        File.SetUnixFileMode(path, Executable);
    }
}
