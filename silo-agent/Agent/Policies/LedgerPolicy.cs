// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Text.Json.Serialization;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Ledgers;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Privacy;
using FedCloud.SiloAgent.Budgets;

namespace FedCloud.SiloAgent.Policies;

/// <summary>The privacy budget of the silo's data set, as its administrator sets it (privacy, section 6.1). None of it leaves the silo.</summary>
public sealed record LedgerPolicy
{
    private const string Lifetime = "lifetime";

    /// <summary>The data set's stable id, given by the administrator.</summary>
    public required string DatasetUid { get; init; }

    /// <summary>The name that data sets with common records share, and with it one budget; null for a data set of its own.</summary>
    public string? BudgetGroup { get; init; }

    /// <summary>N, the declared number of records; stays in the silo.</summary>
    public required long Records { get; init; }

    /// <summary>The declared number of persons; null where plans with unit person are refused.</summary>
    public long? Persons { get; init; }

    /// <summary>The SHA-256 of the training file that was declared; null lets the command that signs the policy fill it in.</summary>
    public Sha256Digest? ManifestSha256 { get; init; }

    /// <summary>The epsilon that all jobs together may cost, ever.</summary>
    [JsonConverter(typeof(DecimalStringJsonConverter))]
    public required decimal EpsilonMax { get; init; }

    /// <summary>The delta that belongs to it.</summary>
    [JsonConverter(typeof(DecimalStringJsonConverter))]
    public required decimal DeltaMax { get; init; }

    /// <summary>The unit that is protected: a ledger counts one, and plans that protect another are refused.</summary>
    public required PrivacyUnit Unit { get; init; }

    /// <summary>The time that the limit is over: <c>lifetime</c>, or null, which means the same and keeps the signed bytes of older policies.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Period { get; init; }

    /// <summary>The pace that the administrator keeps: a plan is refused with which 365 days would need more epsilon than this; null for none. The guarantee is <see cref="EpsilonMax"/>'s alone.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    [JsonConverter(typeof(NullableDecimalStringJsonConverter))]
    public decimal? EpsilonPerYear { get; init; }

    /// <summary>The smallest noise multiplier of a plan; null for any.</summary>
    [JsonConverter(typeof(NullableDecimalStringJsonConverter))]
    public decimal? MinNoiseMultiplier { get; init; }

    /// <summary>Runs without a privacy claim that may use the data all the same; every report then says that epsilon excludes them.</summary>
    public ImmutableArray<RunId> UnaccountedRuns { get => field.IsDefault ? [] : field; init; }

    /// <summary>Other ledgers of this silo with some of the same records, whose budgets the administrator keeps apart all the same.</summary>
    public ImmutableArray<string> AllowedOverlaps { get => field.IsDefault ? [] : field; init; }

    /// <summary>The rules of the members' values.</summary>
    internal IEnumerable<(string Field, bool Possible, string Expected)> Rules() =>
    [
        ("ledger.dataset_uid", Identifier.IsValid(DatasetUid), "an id: 3 to 40 of a-z, 0-9 and single hyphens"),
        ("ledger.budget_group", BudgetGroup is null || Identifier.IsValid(BudgetGroup), "an id: 3 to 40 of a-z, 0-9 and single hyphens"),
        ("ledger.records", Records >= 1, "at least 1"),
        ("ledger.persons", Persons is null || (Persons >= 1 && Persons <= Records), "from 1 to the number of records"),
        ("ledger.epsilon_max", EpsilonMax is > 0 and <= 1000, "a number above 0, to 1000"),
        ("ledger.delta_max", DeltaMax is > 0 and <= 0.01m, "a number above 0, to 0.01"),
        ("ledger.period", Period is null or Lifetime, "lifetime, since only a limit over all runs that the data ever has is proven to hold"),
        ("ledger.epsilon_per_year", EpsilonPerYear is null || (EpsilonPerYear > 0 && EpsilonPerYear <= EpsilonMax), "a number above 0, to epsilon_max"),
        ("ledger.min_noise_multiplier", MinNoiseMultiplier is null or > 0, "a number above 0"),
    ];

    /// <summary>The data set as its ledger knows it.</summary>
    /// <param name="trainFile">Its training file.</param>
    public LedgerDataSet DataSet(string trainFile) => new() { Uid = DatasetUid, BudgetGroup = BudgetGroup, TrainFile = trainFile, AllowedOverlaps = AllowedOverlaps };

    /// <summary>The limit that the ledger enforces.</summary>
    public LedgerLimit ToLimit() => new()
    {
        EpsMax = EpsilonMax,
        DeltaMax = DeltaMax,
        Unit = Unit,
        Period = LedgerPeriod.Lifetime,
        Records = Records,
        ManifestSha256 = ManifestSha256 ?? throw new FedCloudException(ErrorCodes.PolicyMalformed, "ledger.manifest_sha256: expected the training file's SHA-256, which the command that signs a policy fills in"),
    };

    /// <summary>How many units a plan's claim is about; null where the administrator declared none.</summary>
    public long? UnitsOf(PrivacyPlan plan)
    {
        ArgumentNullException.ThrowIfNull(plan);
        return plan.Unit switch
        {
            PrivacyUnit.Silo => 1,
            PrivacyUnit.Person => Persons,
            _ => Records,
        };
    }

    /// <summary>Why the administrator's rules refuse a plan's claim, whatever is left of the budget; null when they do not.</summary>
    public ErrorCode? Refusal(RunConfig plan)
    {
        ArgumentNullException.ThrowIfNull(plan);
        PrivacyPlan privacy = plan.Privacy;
        if (!privacy.IsClaimed)
        {
            return plan.IsPublic || UnaccountedRuns.Contains(plan.Job) ? null : ErrorCodes.PrivacyRequired;
        }

        return LedgerMachine.UnitRefusal(Unit, privacy.Unit) ?? (UnitsOf(privacy) is null ? ErrorCodes.UnitNotAccounted : null);
    }

    /// <summary>Why the noise is too little for the administrator; null when it is not.</summary>
    public ErrorCode? Refusal(LedgerTerms terms)
    {
        ArgumentNullException.ThrowIfNull(terms);
        return terms.Z < MinNoiseMultiplier ? ErrorCodes.PolicyRefused : null;
    }
}
