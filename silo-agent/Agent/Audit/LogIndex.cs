// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using FedCloud.Protocol.Audit;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Identity;

namespace FedCloud.SiloAgent.Audit;

/// <summary>A roster's place in the log.</summary>
/// <param name="Index">Its entry.</param>
/// <param name="Sha256">Its hash.</param>
/// <param name="Size">The size of the first checkpoint that contains it: a roster ends its batch, and only the replacement of a log key may follow.</param>
public sealed record RosterPlace(long Index, Sha256Digest Sha256, long Size);

/// <summary>A round's start in the log.</summary>
/// <param name="Index">Its entry's index.</param>
/// <param name="Entry">The entry.</param>
/// <param name="Model">The model of the run's last result before it; null where there is none.</param>
public sealed record StartPlace(long Index, LogEntry Entry, Sha256Digest? Model = null);

/// <summary>The newest masked vector of an index in the log.</summary>
/// <param name="Index">Its entry.</param>
/// <param name="JournalHead">The silo's journal before it.</param>
public sealed record MaskedPlace(long Index, Sha256Digest JournalHead);

/// <summary>The newest version of the wrapping key in the log.</summary>
/// <param name="Index">Its entry.</param>
/// <param name="Kid">Its full identifier.</param>
/// <param name="Spki">The SHA-256 of its public key.</param>
public sealed record WrappingPlace(long Index, string Kid, Sha256Digest Spki);

/// <summary>An entry of this silo in the log.</summary>
/// <param name="Index">Its index.</param>
/// <param name="Identity">Its identity.</param>
/// <param name="At">Its time.</param>
public sealed record OwnPlace(long Index, Sha256Digest Identity, DateTimeOffset At = default);

/// <summary>The newest entry of another party in the log; a silo and its administrator are one.</summary>
/// <param name="Index">Its index.</param>
/// <param name="At">The newest time of the party's entries.</param>
public sealed record PartyPlace(long Index, DateTimeOffset At);

/// <summary>What the log shows of one of this silo's privacy ledgers.</summary>
/// <param name="Head">The ledger's head after its newest entry.</param>
/// <param name="Reserves">The runs with a reserve that is not settled, and how many reserves each has.</param>
public sealed record BudgetPlace(Sha256Digest Head, ImmutableSortedDictionary<string, int> Reserves);

/// <summary>What a silo remembers of the entries that it has read: enough to go on from there, and to find what it looks for.</summary>
public sealed record LogIndex
{
    /// <summary>The version that this code writes and reads.</summary>
    public const int CurrentVersion = 6;

    /// <summary>The index of no entries.</summary>
    public static LogIndex Empty { get; } = new()
    {
        V = CurrentVersion,
        Size = 0,
        Peaks = [],
        Rosters = [],
        Starts = [],
        Own = ImmutableSortedDictionary<long, OwnPlace>.Empty,
    };

    /// <summary>The version of this record's shape.</summary>
    public required int V { get; init; }

    /// <summary>The number of entries.</summary>
    public required long Size { get; init; }

    /// <summary>The roots of the perfect subtrees over them, largest first, in base64.</summary>
    public required ImmutableArray<string> Peaks { get; init; }

    /// <summary>The rosters, in order.</summary>
    public required ImmutableArray<RosterPlace> Rosters { get; init; }

    /// <summary>The newest change of the log's key; null for none.</summary>
    public LogKeyChanged? KeyChange { get; init; }

    /// <summary>The starts of rounds that have neither result nor failure yet: the first entry of each.</summary>
    public required ImmutableArray<StartPlace> Starts { get; init; }

    /// <summary>The model of each run's last result, by run.</summary>
    public ImmutableSortedDictionary<string, Sha256Digest> Results { get; init; } = ImmutableSortedDictionary.Create<string, Sha256Digest>(StringComparer.Ordinal);

    /// <summary>The newest masked vector of each index of the newest roster.</summary>
    public ImmutableSortedDictionary<int, MaskedPlace> Masked { get; init; } = ImmutableSortedDictionary<int, MaskedPlace>.Empty;

    /// <summary>This silo's own entries, by number.</summary>
    public required ImmutableSortedDictionary<long, OwnPlace> Own { get; init; }

    /// <summary>This silo's privacy ledgers, by data set commitment.</summary>
    public ImmutableSortedDictionary<string, BudgetPlace> Budgets { get; init; } = ImmutableSortedDictionary.Create<string, BudgetPlace>(StringComparer.Ordinal);

    /// <summary>The newest version of the wrapping key; null for none.</summary>
    public WrappingPlace? Wrapping { get; init; }

    /// <summary>The newest entry of each other party: <c>coordinator coordinator</c>, <c>silo</c> and the id.</summary>
    public ImmutableSortedDictionary<string, PartyPlace> Parties { get; init; } = ImmutableSortedDictionary.Create<string, PartyPlace>(StringComparer.Ordinal);

    /// <summary>The tree over the entries.</summary>
    public CompactRange Range() => CompactRange.Restore(Size, [.. Peaks.Select(peak => MerkleHash.FromBytes(Convert.FromBase64String(peak)))]);

    /// <summary>The index after the next entry; its tree is the caller's to carry on.</summary>
    /// <param name="self">This silo.</param>
    /// <param name="entry">The entry.</param>
    public LogIndex With(SiloId self, LogEntry entry)
    {
        ArgumentNullException.ThrowIfNull(entry);
        LogIndex next = this with { Size = Size + 1, KeyChange = LogKeyChange.After(KeyChange, entry, Size), Parties = PartiesAfter(self, entry) };
        return entry.Type switch
        {
            _ when entry.Actor.Key == new ActorKey(EntryActor.Silo, self.Value) => next with { Own = Own.SetItem(entry.Seq, new OwnPlace(Size, entry.Identity, entry.Instant)), Budgets = BudgetsAfter(entry) },
            _ when entry.Actor.Key == new ActorKey(EntryActor.Admin, self.Value) => next with { Administrator = entry.Seq, Budgets = BudgetsAfter(entry) },
            EntryTypes.Roster => next with { Masked = Masked.Clear(), Rosters = Rosters.Add(new RosterPlace(Size, entry.Subjects["roster"], next.Size)) },
            EntryTypes.KeyReplaced when Rosters is [.., { } last] && last.Size == Size && entry.Subjects.ContainsKey("roster") => next with { Rosters = Rosters.SetItem(Rosters.Length - 1, last with { Size = next.Size }) },
            EntryTypes.RoundStart when Find(entry.Subjects["rid"]) is null => next with { Starts = Starts.Add(new StartPlace(Size, entry, entry.Job is { } job && Results.TryGetValue(job.Value, out Sha256Digest model) ? model : null)) },
            EntryTypes.Result => next with { Starts = Without(entry), Results = Results.SetItem(entry.Job?.Value ?? string.Empty, entry.Subjects["new_model"]) },
            EntryTypes.RoundFailed => next with { Starts = Without(entry) },
            EntryTypes.KekCurrent => next with { Wrapping = new WrappingPlace(Size, entry.Fields["kid"].Text ?? string.Empty, entry.Subjects["kek"]) },
            EntryTypes.Masked when IsOfNewestRoster(entry) => next with { Masked = Masked.SetItem((int)entry.Fields["idx"].Integer.GetValueOrDefault(), new MaskedPlace(Size, entry.Subjects["journal_head"])) },
            _ => next,
        };
    }

    // A round keeps the indexes of the roster that it was started under; another roster may give them to others, and the epochs of the one before are over.
    private bool IsOfNewestRoster(LogEntry entry) =>
        Rosters is not [.., { } newest] || Find(entry.Subjects["rid"]) is not { } start || start.Index > newest.Index;

    private ImmutableSortedDictionary<string, PartyPlace> PartiesAfter(SiloId self, LogEntry entry)
    {
        ActorKey party = new(entry.Actor.Kind is EntryActor.Admin ? EntryActor.Silo : entry.Actor.Kind, entry.Actor.Id);
        DateTimeOffset before = Parties.GetValueOrDefault(party.ToString())?.At ?? entry.Instant;
        return party == new ActorKey(EntryActor.Silo, self.Value)
            ? Parties
            : Parties.SetItem(party.ToString(), new PartyPlace(Size, entry.Instant > before ? entry.Instant : before));
    }

    private ImmutableSortedDictionary<string, BudgetPlace> BudgetsAfter(LogEntry entry)
    {
        if (entry.Type is not EntryTypes.Budget)
        {
            return Budgets;
        }

        string dataset = entry.Subjects["dataset"].Hex;
        ImmutableSortedDictionary<string, int> reserves = Budgets.GetValueOrDefault(dataset)?.Reserves ?? ImmutableSortedDictionary.Create<string, int>(StringComparer.Ordinal);
        reserves = (entry.Fields["code"].Text, entry.Job?.Value) switch
        {
            ("reserve", { } job) => reserves.SetItem(job, reserves.GetValueOrDefault(job) + 1),
            ("settle", { } job) => reserves.Remove(job),
            _ => reserves,
        };
        return Budgets.SetItem(dataset, new BudgetPlace(entry.Subjects["head_after"], reserves));
    }

    private ImmutableArray<StartPlace> Without(LogEntry entry) => Starts.RemoveAll(start => start.Entry.Subjects["rid"] == entry.Subjects["rid"]);

    /// <summary>The start of a round; null when there is none.</summary>
    public StartPlace? Find(Sha256Digest rid) => Starts.FirstOrDefault(start => start.Entry.Subjects["rid"] == rid);

    /// <summary>The highest number of this silo's administrator; 0 for none.</summary>
    public long Administrator { get; init; }

    /// <summary>The index as JSON.</summary>
    public byte[] ToJson() => JsonSerializer.SerializeToUtf8Bytes(this, LogIndexJson.Default.LogIndex);

    /// <summary>Reads an index. One that cannot be read is none: the log is then read from its beginning.</summary>
    public static LogIndex Parse(ReadOnlySpan<byte> json)
    {
        try
        {
            LogIndex? index = StrictJson.Deserialize(json, LogIndexJson.Default.LogIndex);
            return index is { V: CurrentVersion } && index.Range().Size == index.Size ? index : Empty;
        }
        catch (Exception error) when (error is JsonException or ArgumentException or FormatException)
        {
            return Empty;
        }
    }
}

/// <summary>Strict JSON of a log's index.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
    AllowDuplicateProperties = false,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(LogIndex))]
public sealed partial class LogIndexJson : JsonSerializerContext;
