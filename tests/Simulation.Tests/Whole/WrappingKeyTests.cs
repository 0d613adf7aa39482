// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text.Json;
using FedCloud.Cloud.Blobs;
using FedCloud.Cloud.Keys;
using FedCloud.Cloud.Mailboxes;
using FedCloud.Coordinator.Messaging;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Enrolment;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Federations;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Messages;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Rounds;
using FedCloud.Protocol.Signing;
using Xunit;

namespace FedCloud.Simulation.Tests.Whole;

/// <summary>The wrapping key is rotated, stolen and forged while a federation works: nothing that is on its way is lost (keys and identity, section 5).</summary>
#pragma warning disable CA1001 // xunit disposes it by IAsyncLifetime
public sealed class WrappingKeyTests : IAsyncLifetime
#pragma warning restore CA1001
{
    private const int Rounds = 3;
    private const int Members = 3;

    private static readonly WholeFaults Calm = new(0, 0, 0, 0, 0, 0, 0, 0);

    private WholeFederation _federation = null!;
    private FileKeyVault _vault = null!;

    public async Task InitializeAsync() => (_vault, _) = await SharedKeys.OwnAsync();

    public async Task DisposeAsync() => await _federation.DisposeAsync();

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public async Task Rotation_DuringARun_TheVersionBeforeUnwrapsUntilItsGraceIsOver(bool isSecure, bool isDurable)
    {
        Begin(isSecure, isDurable);

        // An upload is on its way, under the version that is in use.
        await _federation.RunWhenAsync(UploadWaitsAsync, () => _federation.RotateWrappingKeyAsync(isLost: false));

        await RequireNothingLostAsync();
        Assert.Equal(["retiring", "in_use"], await _federation.StatusesAsync("wrapping"));
        Assert.Equal([EntryTypes.KekCurrent, EntryTypes.KekCurrent, EntryTypes.KeyRotated], await KeyEntriesAsync());
        Assert.DoesNotContain(ErrorCodes.KeyRetired.Name, _federation.Story, StringComparison.Ordinal);
        string[] used = await KidsAsync();
        Assert.Equal(2, used.Distinct().Count());

        _federation.Advance(WrappingKeys.DefaultGrace);
        await _federation.CheckKeysAsync();
        Assert.True(await _federation.SettleAsync());

        Assert.Equal(["disabled", "in_use"], await _federation.StatusesAsync("wrapping"));
        Assert.Equal([EntryTypes.KekCurrent, EntryTypes.KekCurrent, EntryTypes.KeyRotated, EntryTypes.KeyRetired], await KeyEntriesAsync());
        await new WholeInvariants(_federation).RequireAsync();
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    public async Task Theft_WithUploadsOnTheirWay_SilosEncryptTheSameBytesAgain(bool isSecure, bool isDurable)
    {
        Begin(isSecure, isDurable);

        await _federation.RunWhenAsync(UploadWaitsAsync, () => _federation.RotateWrappingKeyAsync(isLost: true));

        await RequireNothingLostAsync();
        Assert.Equal(["disabled", "in_use"], await _federation.StatusesAsync("wrapping"));
        Assert.Equal([EntryTypes.KekCurrent, EntryTypes.KekCurrent, EntryTypes.KeyReplaced, EntryTypes.KeyRetired], await KeyEntriesAsync());
        await new WholeInvariants(_federation).RequireAsync();
    }

    [Fact]
    public async Task Theft_WithVerifiedUpdatesNotYetAggregated_TheyAreCollectedAgain()
    {
        Begin(isSecure: false);

        await _federation.RunWhenAsync(run => run.Round is { Phase: RoundPhase.Aggregating }, () => _federation.RotateWrappingKeyAsync(isLost: true));

        await RequireNothingLostAsync();
        await new WholeInvariants(_federation).RequireAsync();
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task Theft_WithSharesOnTheirWay_SilosRevealTheSameSharesAgain(int answered)
    {
        Begin(isSecure: true);

        await _federation.RunWhenAsync(run => run.Round?.Secure?.Answered.Count >= answered, () => _federation.RotateWrappingKeyAsync(isLost: true));

        await RequireNothingLostAsync();
        await new WholeInvariants(_federation).RequireAsync();
    }

    [Fact]
    public async Task Rotation_InTheMiddleOfAnEpoch_LeavesItUsable()
    {
        Begin(isSecure: true);

        await _federation.RunWhenAsync(run => run is { CommittedRounds: 1 }, () => _federation.RotateWrappingKeyAsync(isLost: false));

        await RequireNothingLostAsync();
        Assert.Single((await _federation.ReadAsync()).Rounds.Take(Rounds).Select(round => round.Secure?.Sid).Distinct());
    }

    [Fact]
    public async Task Age_OfNinetyDays_RotatesByItself()
    {
        Begin(isSecure: false);
        await _federation.RunAsync();
        await _federation.CheckKeysAsync();
        Assert.Equal(["in_use"], await _federation.StatusesAsync("wrapping"));

        _federation.Advance(WrappingKeys.DefaultLife);
        await _federation.CheckKeysAsync();
        await _federation.CheckKeysAsync();
        Assert.True(await _federation.SettleAsync());

        Assert.Equal(["retiring", "in_use"], await _federation.StatusesAsync("wrapping"));
        Assert.Equal([EntryTypes.KekCurrent, EntryTypes.KekCurrent, EntryTypes.KeyRotated], await KeyEntriesAsync());
    }

    [Fact]
    public async Task Rotation_ByTheVaultItself_IsTakenUpWithTheNextLook()
    {
        Begin(isSecure: false);
        await _federation.RunWhenAsync(run => run is { CommittedRounds: 1 }, async () =>
        {
            await _vault.RotateAsync(SiloPost.WrappingKey, CancellationToken.None);
            await _federation.CheckKeysAsync();
        });

        await RequireNothingLostAsync();
        Assert.Equal(["retiring", "in_use"], await _federation.StatusesAsync("wrapping"));
        Assert.Equal(2, (await KidsAsync()).Distinct().Count());
    }

    [Fact]
    public async Task Loss_OfTheNewestVersion_NobodyGoesBackToOneThatHasEnded()
    {
        Begin(isSecure: false);
        await _federation.RunAsync();
        await _federation.RotateWrappingKeyAsync(isLost: false);
        await _vault.DisableAsync((await _vault.EnsureAsync(SiloPost.WrappingKey, KeyKind.Rsa3072, CancellationToken.None)).Kid, CancellationToken.None);

        await _federation.CheckKeysAsync();

        Assert.Contains(_federation.Refused, line => line.Contains("found one that has ended", StringComparison.Ordinal));
        Assert.Equal(["retiring", "disabled"], await _federation.StatusesAsync("wrapping"));
        await _federation.RotateWrappingKeyAsync(isLost: true);
        Assert.Equal(["disabled", "disabled", "in_use"], await _federation.StatusesAsync("wrapping"));
    }

    [Fact]
    public async Task Statement_ThatTheLogLacks_IsNotUsed()
    {
        Begin(isSecure: false);
        using RSA forged = RSA.Create(3072);
        bool sent = false;
        _federation.Meanwhile = async () =>
        {
            // A thief of the coordinator's message key names a key of his own.
            if (!sent && _federation.Run?.Round is { Phase: RoundPhase.Collecting })
            {
                sent = true;
                await SendAsync(forged.ExportSubjectPublicKeyInfo());
            }
        };
        await _federation.RunAsync();

        Assert.True(sent);
        await RequireNothingLostAsync();
        Assert.Single((await KidsAsync()).Distinct());
    }

    private void Begin(bool isSecure, bool isDurable = false)
    {
        RunConfig config = isSecure ? WholeScheduleTests.SecureConfig(Rounds, Members, "ffa_lora") : WholeScheduleTests.Config(Rounds, Members, "ffa_lora");
        _federation = new WholeFederation(17, Calm, Members, config, _vault) { IsDurable = isDurable };
    }

    // A silo has uploaded, and the coordinator has not looked at it.
    private async Task<bool> UploadWaitsAsync(RunState run)
    {
        if (run.Round is not { Phase: RoundPhase.Collecting } round)
        {
            return false;
        }

        foreach (SiloId silo in round.Members.Where(member => member.Value.Phase is MemberPhase.Invited or MemberPhase.Announced).Select(member => member.Key))
        {
            await foreach (BlobItem item in _federation.Store.ListAsync(UploadName.Container(silo), $"{_federation.Config.Job.Value}/r{round.Round:D6}/", CancellationToken.None))
            {
                return true;
            }
        }

        return false;
    }

    private async Task RequireNothingLostAsync()
    {
        // Each round at its first try; beside them is the evaluation of the final model.
        (RunState state, IReadOnlyList<RoundRecord> rounds) = await _federation.ReadAsync();
        Assert.True(
            state.Phase == RunPhase.Completed && rounds.Count == Rounds + 1,
            $"{string.Join(", ", rounds.Select(round => $"{round.Round} {round.Outcome} {round.Reason} {string.Join(' ', round.Members.Values.Select(member => member.Reason))}"))}\n{_federation.Story}");
        Assert.All(rounds.Take(Rounds), round => Assert.Equal(Members, round.Members.Count(member => member.Value.Phase == MemberPhase.Verified)));
    }

    // The key versions that the envelopes in the silos' containers name.
    private async Task<string[]> KidsAsync()
    {
        List<string> kids = [];
        foreach (SimulatedSilo silo in _federation.Silos)
        {
            await foreach (BlobItem item in _federation.Store.ListAsync(UploadName.Container(silo.Id), string.Empty, CancellationToken.None))
            {
                if (!item.Path.StartsWith("epochs/", StringComparison.Ordinal))
                {
                    (byte[] envelope, _) = await _federation.Store.ReadAsync(new BlobName(UploadName.Container(silo.Id), item.Path), int.MaxValue, CancellationToken.None) ?? throw new InvalidOperationException(item.Path);
                    using JsonDocument header = JsonDocument.Parse(envelope.AsMemory(sizeof(uint), BinaryPrimitives.ReadInt32BigEndian(envelope)));
                    kids.Add(header.RootElement.GetProperty("kid").GetString() ?? string.Empty);
                }
            }
        }

        return [.. kids];
    }

    private async Task<IEnumerable<string>> KeyEntriesAsync() => (await _federation.EntriesAsync()).Select(entry => entry.Type)
        .Where(type => type is EntryTypes.KekCurrent or EntryTypes.KeyRotated or EntryTypes.KeyReplaced or EntryTypes.KeyRetired);

    private async Task SendAsync(byte[] spki)
    {
        SiloPost post = new(_federation.Store, new BlobMailboxes(_federation.Store, _federation.Time), _vault, _federation.Config.Federation, _federation.Time, static _ => { });
        KekCurrentBody body = new() { Type = EnrolmentBody.KekCurrent, Federation = _federation.Config.Federation, Kid = "file:update-wrapping/9999-forged", Spki = Convert.ToBase64String(spki) };
        DsseEnvelope signed = await post.SignAsync(EnrolmentBody.KeysPayloadType, Jcs.Serialize(body, EnrolmentJson.Default.KekCurrentBody), CancellationToken.None);
        await post.SendAsync(_federation.Silos.Select(silo => silo.Id), EnrolmentBody.KekCurrent, run: null, round: null, [signed], System.Collections.Immutable.ImmutableArray<FrameBlob>.Empty, CancellationToken.None);
    }
}
