// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.Federations;

/// <content>The wrapping key: a new version is used at once, the one before it unwraps until its grace is over, all older ones never again (keys and identity, section 5).</content>
public static partial class FederationMachine
{
    private static FederationStep OnWrappingKey(FederationState state, WrappingKeyFound found)
    {
        ImmutableArray<WrappingKey> known = state.WrappingKeys;
        WrappingKey? current = WrappingKeys.Current(known);
        if (string.Equals(current?.Kid, found.Kid, StringComparison.Ordinal))
        {
            // Taken into use as a rotation before it was known that the one before it is stolen: its grace ends now.
            return found.IsReplacement ? Retire(state, known.Length - 1, found.At) : new FederationStep(state, []);
        }

        if (known.Any(version => string.Equals(version.Kid, found.Kid, StringComparison.Ordinal)))
        {
            // A vault that lost its newest version, or was restored: silos must not go back to a version that has ended for them.
            return Ignore(state, ErrorCodes.KeyRetired);
        }

        WrappingKey next = new(found.Kid, found.Spki, found.At);
        FederationStep retired = Retire(state, found.IsReplacement ? known.Length : known.Length - 1, found.At);
        return new FederationStep(
            retired.State with { WrappingKeys = retired.State.WrappingKeys.Add(next) },
            [new AnnounceWrappingKey([.. (state.Roster?.Members ?? []).Select(member => member.SiloId)], next, current?.Spki, found.IsReplacement), .. retired.Effects]);
    }

    private static FederationStep OnChecked(FederationState state, WrappingKeyChecked due) =>
        WrappingKeys.GraceEnds(state.WrappingKeys, due.Grace) <= due.At ? Retire(state, state.WrappingKeys.Length - 1, due.At) : new FederationStep(state, []);

    // The first so many versions unwrap no more.
    private static FederationStep Retire(FederationState state, int count, DateTimeOffset at)
    {
        ImmutableArray<RetireWrappingKey> effects = [.. state.WrappingKeys.Take(count).Where(version => version.RetiredAt is null).Select(version => new RetireWrappingKey(version with { RetiredAt = at }))];
        return new FederationStep(
            state with { WrappingKeys = [.. state.WrappingKeys.Select((version, i) => i < count ? version with { RetiredAt = version.RetiredAt ?? at } : version)] },
            [.. effects]);
    }
}
