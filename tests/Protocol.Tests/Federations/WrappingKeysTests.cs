// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Globalization;
using System.Text;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Federations;
using FedCloud.Protocol.Identity;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace FedCloud.Protocol.Tests.Federations;

/// <summary>Versions of the wrapping key (keys and identity, section 5, steps 2 to 5).</summary>
public sealed class WrappingKeysTests
{
    private static readonly TimeSpan Grace = WrappingKeys.DefaultGrace;
    private static readonly DateTimeOffset Start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private static readonly FederationState Empty = new() { Federation = new FederationId("test-federation"), CoordinatorSpkiSha256 = Sha256Digest.Zero, LogVkey = "log" };

    [Fact]
    public void First_IsAnnouncedAndUnwraps()
    {
        FederationStep step = Find(Empty, 1, Start);

        AnnounceWrappingKey announced = Assert.IsType<AnnounceWrappingKey>(Assert.Single(step.Effects));
        Assert.Null(announced.Previous);
        Assert.True(Unwraps(step.State, 1, Start.AddYears(1)));
        Assert.False(Unwraps(step.State, 2, Start));
    }

    [Fact]
    public void Next_TheVersionBeforeUnwrapsForItsGraceAndNotASecondLonger()
    {
        FederationState state = Find(Find(Empty, 1, Start).State, 2, Start.AddDays(90)).State;

        Assert.True(Unwraps(state, 1, Start.AddDays(90) + Grace - TimeSpan.FromSeconds(1)));
        Assert.False(Unwraps(state, 1, Start.AddDays(90) + Grace));
        Assert.Empty(Check(state, Start.AddDays(90) + Grace - TimeSpan.FromSeconds(1)).Effects);
        FederationStep over = Check(state, Start.AddDays(90) + Grace);
        Assert.Equal(Kid(1), Assert.IsType<RetireWrappingKey>(Assert.Single(over.Effects)).Key.Kid);
        Assert.Empty(Check(over.State, Start.AddDays(200)).Effects);

        // Also for a clock that goes back.
        Assert.False(Unwraps(over.State, 1, Start.AddDays(90)));
    }

    [Fact]
    public void Replacement_TheVersionsBeforeUnwrapNoMoreAtOnce()
    {
        FederationState state = Find(Find(Empty, 1, Start).State, 2, Start.AddDays(1)).State;

        FederationStep stolen = FederationMachine.Step(state, new WrappingKeyFound(Start.AddDays(2), Kid(3), Spki(3), IsReplacement: true));

        Assert.Equal(["AnnounceWrappingKey", "RetireWrappingKey", "RetireWrappingKey"], stolen.Effects.Select(effect => effect.GetType().Name));
        Assert.True(Unwraps(stolen.State, 3, Start.AddDays(2)));
        Assert.False(Unwraps(stolen.State, 2, Start.AddDays(2)));
        Assert.False(Unwraps(stolen.State, 1, Start.AddDays(2)));
    }

    [Fact]
    public void Replacement_OfAVersionWhoseSuccessorIsInUse_EndsItsGrace()
    {
        FederationState state = Find(Find(Empty, 1, Start).State, 2, Start.AddDays(1)).State;

        FederationStep stolen = FederationMachine.Step(state, new WrappingKeyFound(Start.AddDays(2), Kid(2), Spki(2), IsReplacement: true));

        Assert.Equal(Kid(1), Assert.IsType<RetireWrappingKey>(Assert.Single(stolen.Effects)).Key.Kid);
        Assert.True(Unwraps(stolen.State, 2, Start.AddDays(2)));
        Assert.False(Unwraps(stolen.State, 1, Start.AddDays(2)));
    }

    [Fact]
    public void Found_AnOlderVersion_IsRefused()
    {
        FederationState state = Find(Find(Empty, 1, Start).State, 2, Start.AddDays(1)).State;

        FederationStep back = Find(state, 1, Start.AddDays(2));

        Assert.Equal(ErrorCodes.KeyRetired, back.Ignored);
        Assert.Same(state, back.State);
    }

    [Fact]
    public void AnyStory_AtMostTwoUnwrapAndNoneComesBack() => Prop.ForAll(
        Gen.Choose(0, 9).ArrayOf().ToArbitrary(),
        story =>
        {
            FederationState state = Empty;
            DateTimeOffset now = Start;
            HashSet<string> ended = [];
            int version = 0;
            foreach (int next in story)
            {
                now = now.AddDays(next);
                state = next switch
                {
                    < 4 => Find(state, ++version, now).State,
                    < 5 => FederationMachine.Step(state, new WrappingKeyFound(now, Kid(++version), Spki(version), IsReplacement: true)).State,
                    < 6 => Find(state, Math.Max(1, version - 1), now).State,
                    _ => Check(state, now).State,
                };
                string[] usable = [.. Enumerable.Range(1, version).Select(Kid).Where(kid => WrappingKeys.Unwraps(state.WrappingKeys, kid, now, Grace))];
                Assert.True(usable.Length <= 2);
                Assert.True(version == 0 || usable.Contains(WrappingKeys.Current(state.WrappingKeys)!.Kid));
                Assert.DoesNotContain(usable, ended.Contains);
                ended.UnionWith(Enumerable.Range(1, version).Select(Kid).Except(usable));
            }
        }).QuickCheckThrowOnFailure();

    private static FederationStep Find(FederationState state, int version, DateTimeOffset at) => FederationMachine.Step(state, new WrappingKeyFound(at, Kid(version), Spki(version)));

    private static FederationStep Check(FederationState state, DateTimeOffset at) => FederationMachine.Step(state, new WrappingKeyChecked(at, Grace));

    private static bool Unwraps(FederationState state, int version, DateTimeOffset at) => WrappingKeys.Unwraps(state.WrappingKeys, Kid(version), at, Grace);

    private static string Kid(int version) => string.Create(CultureInfo.InvariantCulture, $"file:update-wrapping/{version:D4}");

    private static Sha256Digest Spki(int version) => Sha256Digest.Of(Encoding.UTF8.GetBytes(Kid(version)));
}
