// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Messages;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Privacy;
using FedCloud.Protocol.Signing;
using FedCloud.SiloAgent.Policies;
using Xunit;

namespace FedCloud.SiloAgent.Tests.Policies;

public sealed class SiloPolicyTests
{
    private static readonly ECDsa Administrator = ECDsa.Create(ECCurve.NamedCurves.nistP256);

    [Fact]
    public void T23_Read_SignedByAnotherKey_IsRefused()
    {
        using ECDsa other = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        string path = Write(Policy(), other);

        FedCloudException error = Assert.Throws<FedCloudException>(() => SiloPolicy.Read(path, VerificationKey.Of(Administrator)));

        Assert.Equal(ErrorCodes.PolicySignature, error.Code);
    }

    [Fact]
    public void T23_Read_ChangedAfterSigning_IsRefused()
    {
        string path = Write(Policy(), Administrator);
        DsseEnvelope envelope = JsonSerializer.Deserialize(File.ReadAllText(path), FrameJson.Default.DsseEnvelope)!;
        byte[] raised = Jcs.Serialize(Policy() with { MaxRounds = 10_000 }, SiloPolicyJson.Default.SiloPolicy);
        File.WriteAllText(path, JsonSerializer.Serialize(envelope with { Payload = raised }, FrameJson.Default.DsseEnvelope));

        Assert.Equal(ErrorCodes.PolicySignature, Assert.Throws<FedCloudException>(() => SiloPolicy.Read(path, VerificationKey.Of(Administrator))).Code);
    }

    [Theory]
    [InlineData("\"v\":1", "\"v\":2", "v: expected 1")]
    [InlineData("\"max_rounds\":5", "\"max_rounds\":0", "max_rounds: expected at least 1")]
    [InlineData("\"max_rounds\":5", "\"max_rounds\":5.5", "$.max_rounds does not have")]
    [InlineData("\"max_rounds\":5", "\"max_rounds\":5,\"max_rounds\":6", "the text does not have")]
    [InlineData("\"from_hour\":0", "\"from_hour\":24", "from_hour: expected an hour from 0 to 23")]
    [InlineData("\"until_hour\":24", "\"until_hour\":0", "until_hour: expected an hour from 1 to 24")]
    [InlineData("\"confirmed_members\":[", "\"confirmed_members\":[null", "$.confirmed_members[] does not have")]
    [InlineData("{", "{\"new_field\":1,", "$.new_field does not have")]
    public void Parse_ValueOutOfRange_IsRefusedWithItsField(string from, string to, string expected)
    {
        string json = JsonSerializer.Serialize(Policy(), SiloPolicyJson.Default.SiloPolicy);
        Assert.Contains(from, json, StringComparison.Ordinal);
        int at = json.IndexOf(from, StringComparison.Ordinal);

        FedCloudException error = Assert.Throws<FedCloudException>(() => SiloPolicy.Parse(System.Text.Encoding.UTF8.GetBytes(string.Concat(json.AsSpan(0, at), to, json.AsSpan(at + from.Length)))));

        Assert.StartsWith($"policy_malformed: {expected}", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Read_Signed_GivesThePolicy()
    {
        Assert.Equal(5, SiloPolicy.Read(Write(Policy(), Administrator), VerificationKey.Of(Administrator)).MaxRounds);
    }

    [Fact]
    public void T23_Refusal_PlanAboveThePolicy_IsRefused()
    {
        RunConfig plan = Plan();

        Assert.Null(Policy().Refusal(plan));
        Assert.Equal(ErrorCodes.PolicyRefused, (Policy() with { MaxRounds = 4 }).Refusal(plan));
        Assert.Equal(ErrorCodes.PolicyRefused, (Policy() with { AllowPlainMode = false }).Refusal(plan));
        Assert.Equal(ErrorCodes.PolicyRefused, (Policy() with { BaseModels = [Sha256Digest.Of("x"u8)] }).Refusal(plan));
        Assert.Equal(ErrorCodes.PolicyRefused, (Policy() with { MinQuorum = 3 }).Refusal(plan));
        Assert.Equal(ErrorCodes.PolicyRefused, Policy().Refusal(plan with { Federation = new FederationId("other") }));
        Assert.Equal(ErrorCodes.DataNotPublic, Policy().Refusal(plan with { Data = "public" }));
    }

    [Fact]
    public void Refusal_PurposeThatThePolicyDoesNotList_IsRefused()
    {
        RunConfig plan = Plan() with { Purpose = "discharge letters" };

        Assert.Equal(ErrorCodes.PurposeRefused, (Policy() with { Purposes = ["triage notes"] }).Refusal(plan));
        Assert.Null((Policy() with { Purposes = ["triage notes", "discharge letters"] }).Refusal(plan));
        Assert.Equal(ErrorCodes.PurposeRefused, (Policy() with { Purposes = ["triage notes"], Plans = [plan.Digest] }).Refusal(plan));
    }

    [Fact]
    public void Refusal_PlanThatThePolicyNames_NeedsNoBounds()
    {
        RunConfig plan = Plan();
        SiloPolicy narrow = Policy() with { MaxRounds = 1, AllowPlainMode = false };

        Assert.Equal(ErrorCodes.PolicyRefused, (narrow with { Plans = [Sha256Digest.Of("x"u8)] }).Refusal(plan));
        Assert.Null((narrow with { Plans = [plan.Digest] }).Refusal(plan));
        Assert.Equal(ErrorCodes.DataNotPublic, (narrow with { Plans = [(plan with { Data = "public" }).Digest] }).Refusal(plan with { Data = "public" }));
        RunConfig elsewhere = plan with { Federation = new FederationId("other") };
        Assert.Equal(ErrorCodes.PolicyRefused, (narrow with { Plans = [elsewhere.Digest] }).Refusal(elsewhere));
    }

    [Fact]
    public void Asks_OnlyWhereThePolicySaysSoAndDoesNotNameThePlan()
    {
        SiloPolicy asks = Policy() with { Approval = PlanApproval.Ask };

        Assert.False(Policy().Asks(Plan()));
        Assert.False((Policy() with { Approval = PlanApproval.Automatic }).Asks(Plan()));
        Assert.True(asks.Asks(Plan()));
        Assert.False((asks with { Plans = [Plan().Digest] }).Asks(Plan()));
    }

    [Fact]
    public void Parse_ConsentFields_AreStrictAndAbsentFromOlderPolicies()
    {
        string json = JsonSerializer.Serialize(Policy(), SiloPolicyJson.Default.SiloPolicy);
        SiloPolicy Parsed(string more) => SiloPolicy.Parse(Encoding.UTF8.GetBytes("{" + more + json[1..]));
        string Refused(string more) => Assert.Throws<FedCloudException>(() => Parsed(more)).Message;

        Assert.DoesNotContain("approval", json, StringComparison.Ordinal);
        Assert.Equal((PlanApproval.Ask, "triage"), (Parsed("\"approval\":\"ask\",\"purposes\":[\"triage\"],").Approval, Parsed("\"purposes\":[\"triage\"],").Purposes!.Value[0]));
        Assert.StartsWith("policy_malformed: $.approval does not have", Refused("\"approval\":\"perhaps\","), StringComparison.Ordinal);
        Assert.StartsWith("policy_malformed: plans: expected at least one digest", Refused("\"plans\":[],"), StringComparison.Ordinal);
        Assert.StartsWith("policy_malformed: purposes: expected at least one text", Refused("\"purposes\":[\"\"],"), StringComparison.Ordinal);
        Assert.StartsWith("policy_malformed: $.purposes", Refused("\"purposes\":[null],"), StringComparison.Ordinal);
    }

    [Fact]
    public void T27_Discloses_OnlyWhatPolicyAndPlanBothAllow()
    {
        Assert.False(Policy().Discloses(Plan()));
        Assert.True((Policy() with { DiscloseEvalLoss = true }).Discloses(Plan()));
        Assert.False((Policy() with { DiscloseEvalLoss = true }).Discloses(Plan() with { Metrics = new MetricsPlan { EvalLoss = false } }));
    }

    [Fact]
    public void Refusal_PrivacyClaim_NeedsABudget_AndABudgetNeedsAClaim()
    {
        RunConfig open = Secure(Plan(), secure => secure);
        RunConfig claimed = open with { Privacy = open.Privacy with { Claim = PrivacyClaim.Example, Epsilon = 8 } };
        SiloPolicy budgeted = Policy() with { Ledger = Budget };

        Assert.Equal(ErrorCodes.BudgetMissing, Policy().Refusal(claimed));
        Assert.Null(budgeted.Refusal(claimed));
        Assert.Equal(ErrorCodes.PrivacyRequired, budgeted.Refusal(open));
        Assert.Null((budgeted with { PublicData = true }).Refusal(open with { Data = "public" }));
        Assert.Null((budgeted with { Ledger = Budget with { UnaccountedRuns = [open.Job] } }).Refusal(open));
    }

    [Fact]
    public void Refusal_OtherUnitThanTheLedgers_SaysWhetherItIsWeaker()
    {
        RunConfig open = Secure(Plan(), secure => secure);
        RunConfig Claimed(PrivacyUnit unit) => open with { Privacy = open.Privacy with { Claim = PrivacyClaim.Example, Epsilon = 8, Unit = unit } };
        SiloPolicy Counting(PrivacyUnit unit, long? persons = 40) => Policy() with { Ledger = Budget with { Unit = unit, Persons = persons } };

        Assert.Null(Counting(PrivacyUnit.Person).Refusal(Claimed(PrivacyUnit.Person)));
        Assert.Null(Counting(PrivacyUnit.Silo, persons: null).Refusal(Claimed(PrivacyUnit.Silo)));
        Assert.Equal(1, Counting(PrivacyUnit.Silo, persons: null).Ledger!.UnitsOf(Claimed(PrivacyUnit.Silo).Privacy));
        Assert.Equal(ErrorCodes.UnitWeaker, Counting(PrivacyUnit.Person).Refusal(Claimed(PrivacyUnit.Record)));
        Assert.Equal(ErrorCodes.UnitWeaker, Counting(PrivacyUnit.Silo).Refusal(Claimed(PrivacyUnit.Person)));
        Assert.Equal(ErrorCodes.UnitNotAccounted, Counting(PrivacyUnit.Record).Refusal(Claimed(PrivacyUnit.Person)));
        Assert.Equal(ErrorCodes.UnitNotAccounted, Counting(PrivacyUnit.Person).Refusal(Claimed(PrivacyUnit.Silo)));
        Assert.Equal(ErrorCodes.UnitNotAccounted, Counting(PrivacyUnit.Person, persons: null).Refusal(Claimed(PrivacyUnit.Person)));
    }

    [Fact]
    public void T27_Discloses_NothingOfPrivateDataUnderAClaim()
    {
        SiloPolicy policy = Policy() with { DiscloseEvalLoss = true, Ledger = Budget };
        RunConfig claimed = Plan() with { Privacy = Plan().Privacy with { Claim = PrivacyClaim.Example, Epsilon = 8 } };

        Assert.False(policy.Discloses(claimed));
        Assert.True(policy.Discloses(claimed with { Data = "public" }));
        Assert.True(policy.MayRepeat(claimed));
        Assert.False(policy.MayRepeat(Plan()));
    }

    [Theory]
    [InlineData("\"records\":100", "\"records\":0", "ledger.records: expected at least 1")]
    [InlineData("\"epsilon_max\":\"4\"", "\"epsilon_max\":\"-4\"", "ledger.epsilon_max: expected a number above 0")]
    [InlineData("\"delta_max\":\"0.00001\"", "\"delta_max\":\"0.5\"", "ledger.delta_max: expected a number above 0, to 0.01")]
    [InlineData("\"dataset_uid\":\"data-1\"", "\"dataset_uid\":\"../etc\"", "ledger.dataset_uid: expected an id")]
    [InlineData("\"unit\":\"record\"", "\"unit\":\"row\"", "$.ledger.unit does not have")]
    [InlineData("\"unit\":\"record\"", "\"unit\":\"record\",\"epsilon_per_year\":\"4.5\"", "ledger.epsilon_per_year: expected a number above 0, to epsilon_max")]
    public void Parse_LedgerOutOfRange_IsRefusedWithItsField(string from, string to, string expected)
    {
        string json = JsonSerializer.Serialize(Policy() with { Ledger = Budget }, SiloPolicyJson.Default.SiloPolicy);
        Assert.Contains(from, json, StringComparison.Ordinal);

        FedCloudException error = Assert.Throws<FedCloudException>(() => SiloPolicy.Parse(Encoding.UTF8.GetBytes(json.Replace(from, to, StringComparison.Ordinal))));

        Assert.StartsWith($"policy_malformed: {expected}", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Parse_LedgerWithoutOptionalFields_HasNone()
    {
        string json = JsonSerializer.Serialize(Policy() with { Ledger = Budget }, SiloPolicyJson.Default.SiloPolicy)
            .Replace(",\"unaccounted_runs\":[]", string.Empty, StringComparison.Ordinal).Replace(",\"allowed_overlaps\":[]", string.Empty, StringComparison.Ordinal);
        Assert.DoesNotContain("unaccounted", json, StringComparison.Ordinal);

        LedgerPolicy ledger = SiloPolicy.Parse(Encoding.UTF8.GetBytes(json)).Ledger!;

        Assert.Empty(ledger.UnaccountedRuns);
        Assert.Empty(ledger.AllowedOverlaps);
    }

    [Fact]
    public void Parse_Period_IsTheLifetimeOrNothing()
    {
        string json = JsonSerializer.Serialize(Policy() with { Ledger = Budget }, SiloPolicyJson.Default.SiloPolicy);
        SiloPolicy Parsed(string period) => SiloPolicy.Parse(Encoding.UTF8.GetBytes(json.Replace("\"unit\":\"record\"", "\"unit\":\"record\"" + period, StringComparison.Ordinal)));

        Assert.DoesNotContain("period", json, StringComparison.Ordinal);
        Assert.Equal(Policy().Digest(), (Parsed(string.Empty) with { Ledger = null }).Digest());
        Assert.Equal(Sha256Digest.Of(Jcs.Canonicalize(Encoding.UTF8.GetBytes(json))), Parsed(string.Empty).Digest());
        Assert.Equal("lifetime", Parsed(",\"period\":\"lifetime\"").Ledger!.Period);
        Assert.Equal(
            "policy_malformed: ledger.period: expected lifetime, since only a limit over all runs that the data ever has is proven to hold, found another value",
            Assert.Throws<FedCloudException>(() => Parsed(",\"period\":\"year\"")).Message.Split('\n')[0].Split(". ")[0]);
    }

    private static LedgerPolicy Budget => new() { DatasetUid = "data-1", Records = 100, EpsilonMax = 4, DeltaMax = 0.00001m, Unit = PrivacyUnit.Record };

    [Theory]
    [InlineData(8, 18, 12, true)]
    [InlineData(8, 18, 18, false)]
    [InlineData(20, 6, 23, true)]
    [InlineData(20, 6, 7, false)]
    [InlineData(0, 24, 23, true)]
    public void IsOpen_Hours_MayWrapMidnight(int from, int until, int hour, bool open)
    {
        SiloPolicy policy = Policy() with { FromHour = from, UntilHour = until };

        Assert.Equal(open, policy.IsOpen(new DateTimeOffset(2026, 1, 1, hour, 0, 0, TimeSpan.Zero)));
    }

    private static string Write(SiloPolicy policy, ECDsa key)
    {
        string path = Path.Combine(Directory.CreateTempSubdirectory().FullName, "policy.json");
        DsseEnvelope signed = DsseEnvelope.Sign(SiloPolicy.PayloadType, Jcs.Serialize(policy, SiloPolicyJson.Default.SiloPolicy), key);
        File.WriteAllText(path, JsonSerializer.Serialize(signed, FrameJson.Default.DsseEnvelope));
        return path;
    }

    [Fact]
    public void Refusal_SecurePlan_FollowsTheRosterAndTheDeclaredWeight()
    {
        RunConfig plan = Secure(Plan(), secure => secure);
        SiloPolicy policy = Policy() with { AllowPlainMode = false };
        RunConfig declared = Secure(plan, secure => secure with { WeightMin = 10 });
        declared = declared with { Aggregation = declared.Aggregation with { Weighting = Weighting.Declared } };

        Assert.Null(policy.Refusal(plan, silos: 3));
        Assert.Equal(ErrorCodes.SecaggRosterSize, policy.Refusal(plan, silos: 2));
        Assert.Equal(ErrorCodes.RingTooSmall, policy.Refusal(Secure(plan, secure => secure with { CoordinateBits = 30 }), silos: 5));
        Assert.Equal(ErrorCodes.CohortFixed, policy.Refusal(plan with { Participation = plan.Participation with { CohortSize = 3 } }, silos: 4));
        Assert.Equal(ErrorCodes.PolicyRefused, (policy with { MaxRounds = 4 }).Refusal(plan, silos: 3));
        Assert.Null(policy.Refusal(declared, silos: 3));
        Assert.Equal(ErrorCodes.WeightOutOfRange, (policy with { DeclaredWeight = 9 }).Refusal(declared, silos: 3));
    }

    [Fact]
    public void Refusal_PlainPlan_NeedsNoThirdSilo()
    {
        Assert.Null(Policy().Refusal(Plan(), silos: 2));
        Assert.Equal(ErrorCodes.PlanInvalidValue, Policy().Refusal(Plan(), silos: 1));
        Assert.Equal(ErrorCodes.PolicyRefused, (Policy() with { AllowPlainMode = false }).Refusal(Plan(), silos: 2));
    }

    private static RunConfig Secure(RunConfig plan, Func<SecureAggregationPlan, SecureAggregationPlan> change) =>
        plan with { Aggregation = plan.Aggregation with { Mode = "secure", Secure = change(plan.Aggregation.Secure) } };

    private static RunConfig Plan() => PlanReader.Require(PlanReader.Read(
        new PlanMapping(0, [new PlanEntry(0, "aggregation", new PlanMapping(0, [new PlanEntry(0, "mode", new PlanScalar(0, "plain", Quoted: false))]))]),
        new Dictionary<string, string>(StringComparer.Ordinal) { ["job"] = "run-1", ["federation"] = "test-federation", ["base_model"] = Sha256Digest.Zero.Hex }));

    private static SiloPolicy Policy() => new()
    {
        V = 1,
        Federation = new FederationId("test-federation"),
        SiloId = new SiloId("silo-1"),
        TrainFile = "train",
        EvalFile = "eval",
        PublicData = false,
        BaseModels = [],
        AllowPlainMode = true,
        MaxRounds = 5,
        MaxLocalSteps = 100,
        MinQuorum = 2,
        FromHour = 0,
        UntilHour = 24,
        DeclaredWeight = 10,
        Threads = 1,
        MaxMemoryMib = 0,
        DiscloseEvalLoss = false,
        ConfirmedMembers = ImmutableArray<Protocol.Enrolment.ConfirmedMember>.Empty,
    };
}
