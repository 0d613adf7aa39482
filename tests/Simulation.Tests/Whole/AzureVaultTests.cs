// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Cloud.Keys;
using FedCloud.Cloud.Tests.Keys;
using FedCloud.Coordinator;
using FedCloud.Coordinator.Messaging;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Federations;
using Xunit;

namespace FedCloud.Simulation.Tests.Whole;

/// <summary>A federation on Azure's vault, in which the coordinator uses keys, and an administrator makes and disables their versions.</summary>
public sealed class AzureVaultTests : IAsyncLifetime, IDisposable
{
    private const string Coordinator = "coordinator";
    private const string Administrator = "administrator";

    private static readonly Uri Address = new("https://fed.vault.azure.net");
    private static readonly WholeFaults Calm = new(0, 0, 0, 0, 0, 0, 0, 0);

    private readonly FakeVault _fake = new(Address);
    private readonly AzureKeyVault _vault;
    private readonly AzureKeyVault _administrators;
    private readonly WholeFederation _federation;

    public AzureVaultTests()
    {
        _vault = Open(Coordinator);
        _administrators = Open(Administrator);
        _fake.May = static (identity, _, operation) => identity is Administrator || operation is "list" or "read" or "sign" or "unwrap";
        _federation = new WholeFederation(23, Calm, silos: 3, WholeScheduleTests.Config(rounds: 3, quorum: 3, "ffa_lora"), _vault);
    }

    public async Task InitializeAsync()
    {
        // The deployment makes the keys.
        await _administrators.EnsureAsync(SiloPost.MessageKey, KeyKind.EcP256, CancellationToken.None);
        await _administrators.EnsureAsync(CoordinatorService.LogKey, KeyKind.EcP256, CancellationToken.None);
        await _administrators.EnsureAsync(SiloPost.WrappingKey, KeyKind.Rsa3072, CancellationToken.None);
    }

    public async Task DisposeAsync() => await _federation.DisposeAsync();

    public void Dispose()
    {
        _vault.Dispose();
        _administrators.Dispose();
    }

    [Fact]
    public async Task WrappingKey_RotatedByTheVault_IsTakenUpDuringARunAndEndsWithItsGrace()
    {
        string first = (await VersionsAsync(SiloPost.WrappingKey))[0].Kid;
        await DuringTheRunAsync(async () =>
        {
            await _administrators.RotateAsync(SiloPost.WrappingKey, CancellationToken.None);
            await _federation.CheckKeysAsync();
        });
        Assert.Equal(["retiring", "in_use"], await _federation.StatusesAsync("wrapping"));

        _federation.Advance(WrappingKeys.DefaultGrace);
        await _federation.CheckKeysAsync();

        // Its administrator is told to disable it; until then it is refused here.
        Assert.Contains(_federation.Refused, line => line.StartsWith("vault_denied", StringComparison.Ordinal) && line.Contains($"az keyvault key set-attributes --id {first} --enabled false", StringComparison.Ordinal));
        Assert.Equal(["old", "in_use"], await _federation.StatusesAsync("wrapping"));
        Assert.Null(WrappingKeys.Retiring((await _federation.MembershipAsync()).WrappingKeys));
        Assert.True((await VersionsAsync(SiloPost.WrappingKey))[0].Enabled);
        Assert.True(await _federation.SettleAsync());
        await new WholeInvariants(_federation).RequireAsync();
    }

    [Fact]
    public async Task WrappingKey_RotatedByCommand_NeedsTheVaultsAdministrator()
    {
        await _federation.RunAsync();

        FedCloudException denied = await Assert.ThrowsAsync<FedCloudException>(() => _federation.RotateWrappingKeyAsync(isLost: true));
        Assert.Equal(ErrorCodes.VaultDenied, denied.Code);
        Assert.Contains("az keyvault key rotate --vault-name VAULT --name update-wrapping", denied.Message, StringComparison.Ordinal);
        Assert.Equal(["in_use"], await _federation.StatusesAsync("wrapping"));

        await _administrators.RotateAsync(SiloPost.WrappingKey, CancellationToken.None);
        await _federation.RotateWrappingKeyAsync(isLost: true);
        Assert.Equal(["old", "in_use"], await _federation.StatusesAsync("wrapping"));
    }

    [Fact]
    public async Task WrappingKey_TakenUpAsARotation_CanStillBeCalledStolen()
    {
        await _federation.RunAsync();
        await _administrators.RotateAsync(SiloPost.WrappingKey, CancellationToken.None);
        await _federation.CheckKeysAsync();
        Assert.Equal(["retiring", "in_use"], await _federation.StatusesAsync("wrapping"));

        await _federation.RotateWrappingKeyAsync(isLost: true);

        Assert.Equal(["old", "in_use"], await _federation.StatusesAsync("wrapping"));
        Assert.Equal(ErrorCodes.VaultDenied, (await Assert.ThrowsAsync<FedCloudException>(() => _federation.RotateWrappingKeyAsync(isLost: true))).Code);
    }

    [Fact]
    public async Task LogKey_RotatedByItsAdministrator_SignsAndTheLogGoesOnThoughTheOldVersionCannotBeDisabledHere()
    {
        await DuringTheRunAsync(async () =>
        {
            Assert.Equal(ErrorCodes.VaultDenied, (await Assert.ThrowsAsync<FedCloudException>(() => _federation.ChangeLogKeyAsync(isLost: false))).Code);
            await _administrators.RotateAsync(CoordinatorService.LogKey, CancellationToken.None);
            Sha256Digest next = await _federation.ChangeLogKeyAsync(isLost: false);
            Assert.Equal(Sha256Digest.Of((await VersionsAsync(CoordinatorService.LogKey))[^1].Spki), next);
            await _federation.ConfirmLogKeyAsync(next);
        });
        Assert.Equal(["retiring", "in_use"], await _federation.StatusesAsync("log"));

        _federation.Advance(LogKeyChange.Overlap);
        Assert.True(await _federation.SettleAsync());

        Assert.Equal(["old", "in_use"], await _federation.StatusesAsync("log"));
        Assert.Single(_federation.Refused, line => line.Contains("az keyvault key set-attributes", StringComparison.Ordinal));
        await new WholeInvariants(_federation).RequireAsync();
    }

    // In the middle of the run, with rounds before and after.
    private Task DuringTheRunAsync(Func<Task> what) => _federation.RunWhenAsync(run => run is { CommittedRounds: 1 }, what);

    private AzureKeyVault Open(string identity) => new(Address, _ => _fake.KeysAs(identity), id => _fake.UserAs(identity, id.Uri));

    private Task<IReadOnlyList<KeyVersion>> VersionsAsync(string name) => _administrators.ListVersionsAsync(name, CancellationToken.None);
}
