// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Errors;
using Xunit;

namespace FedCloud.Functions.Tests;

/// <summary>App settings: each that is missing or bad is named in one line before anything else is done.</summary>
public sealed class CloudSettingsTests
{
    private static readonly Dictionary<string, string> Good = new(StringComparer.Ordinal)
    {
        ["FEDCLOUD_FEDERATION"] = "north-hospitals",
        ["FEDCLOUD_STORAGE"] = "https://models.blob.core.windows.net",
        ["FEDCLOUD_AUDIT_STORAGE"] = "https://audit.blob.core.windows.net",
        ["FEDCLOUD_SERVICEBUS"] = "north.servicebus.windows.net",
        ["FEDCLOUD_VAULT"] = "https://north.vault.azure.net/",
        ["FEDCLOUD_ORCHESTRATOR_CLIENT_ID"] = "11111111-1111-4111-8111-111111111111",
        ["FEDCLOUD_AGGREGATOR_CLIENT_ID"] = "22222222-2222-4222-8222-222222222222",
        ["FEDCLOUD_LOG_SIGNER_CLIENT_ID"] = "33333333-3333-4333-8333-333333333333",
    };

    public static TheoryData<string> Required() => [.. Good.Keys];

    [Fact]
    public void Read_Good_HasDefaults()
    {
        CloudSettings settings = Read();

        Assert.Equal(("north-hospitals", 90, 14), (settings.Federation.Value, settings.AuditWindowDays, settings.KeyGraceDays));
        Assert.Equal(("north.servicebus.windows.net", "https://audit.blob.core.windows.net/"), (settings.ServiceBus, settings.AuditStorage.AbsoluteUri));
        Assert.Equal((Good["FEDCLOUD_ORCHESTRATOR_CLIENT_ID"], Good["FEDCLOUD_AGGREGATOR_CLIENT_ID"], Good["FEDCLOUD_LOG_SIGNER_CLIENT_ID"]), (settings.Orchestrator, settings.Aggregator, settings.LogSigner));
        Assert.False(settings.HasApi);
    }

    [Theory]
    [MemberData(nameof(Required))]
    public void Read_Missing_IsRefusedByName(string name)
    {
        foreach (string? value in new[] { null, string.Empty })
        {
            FedCloudException refused = Assert.Throws<FedCloudException>(() => Read((name, value)));

            Assert.Equal(ErrorCodes.SettingMissing, refused.Code);
            RequireOneLine(refused, name);
        }
    }

    [Theory]
    [InlineData("FEDCLOUD_FEDERATION", "North Hospitals")]
    [InlineData("FEDCLOUD_FEDERATION", "../../north")]
    [InlineData("FEDCLOUD_STORAGE", "http://models.blob.core.windows.net")]
    [InlineData("FEDCLOUD_STORAGE", "models.blob.core.windows.net")]
    [InlineData("FEDCLOUD_STORAGE", "/data/models")]
    [InlineData("FEDCLOUD_AUDIT_STORAGE", "ftp://audit.blob.core.windows.net")]
    [InlineData("FEDCLOUD_AUDIT_STORAGE", " ")]
    [InlineData("FEDCLOUD_SERVICEBUS", "https://north.servicebus.windows.net")]
    [InlineData("FEDCLOUD_SERVICEBUS", "10.0.0.4")]
    [InlineData("FEDCLOUD_SERVICEBUS", "north servicebus")]
    [InlineData("FEDCLOUD_VAULT", "north")]
    [InlineData("FEDCLOUD_VAULT", "http://north.vault.azure.net")]
    [InlineData("FEDCLOUD_ORCHESTRATOR_CLIENT_ID", "orchestrator")]
    [InlineData("FEDCLOUD_AGGREGATOR_CLIENT_ID", "22222222-2222-4222-8222")]
    [InlineData("FEDCLOUD_LOG_SIGNER_CLIENT_ID", "00000000-0000-0000-0000-00000000000g")]
    [InlineData("FEDCLOUD_AUTH_CLIENT_ID", "api://fedcloud")]
    [InlineData("FEDCLOUD_KEY_GRACE", "0")]
    [InlineData("FEDCLOUD_KEY_GRACE", "91")]
    [InlineData("FEDCLOUD_KEY_GRACE", "14 days")]
    [InlineData("FEDCLOUD_AUDIT_WINDOW", "7")]
    [InlineData("FEDCLOUD_AUDIT_WINDOW", "3651")]
    [InlineData("FEDCLOUD_AUDIT_WINDOW", "-90")]
    [InlineData("FEDCLOUD_AUDIT_WINDOW", "ninety")]
    [InlineData("FEDCLOUD_AUDIT_WINDOW", "")]
    [InlineData("FEDCLOUD_AUDIT_WINDOW", "99999999999999999999")]
    public void Read_Bad_IsRefusedByName(string name, string value)
    {
        FedCloudException refused = Assert.Throws<FedCloudException>(() => Read((name, value)));

        Assert.Contains(refused.Code, new[] { ErrorCodes.SettingMissing, ErrorCodes.IdMalformed });
        RequireOneLine(refused, name);
    }

    [Theory]
    [InlineData("8", 8)]
    [InlineData("3650", 3650)]
    public void Read_AuditWindow_TakesItsBounds(string text, int days) => Assert.Equal(days, Read(("FEDCLOUD_AUDIT_WINDOW", text)).AuditWindowDays);

    [Theory]
    [InlineData("True", true)]
    [InlineData("true", true)]
    [InlineData("False", false)]
    [InlineData("1", false)]
    [InlineData("yes", false)]
    [InlineData(null, false)]
    public void HasApi_OnlyWhereThePlatformSaysThatItChecksCallers(string? said, bool has)
    {
        (string, string?) application = ("FEDCLOUD_AUTH_CLIENT_ID", "44444444-4444-4444-8444-444444444444");

        Assert.Equal(has, Read(application, ("WEBSITE_AUTH_ENABLED", said)).HasApi);
        Assert.False(Read(("WEBSITE_AUTH_ENABLED", said)).HasApi);
        Assert.False(Read(("FEDCLOUD_AUTH_CLIENT_ID", string.Empty), ("WEBSITE_AUTH_ENABLED", said)).HasApi);
    }

    private static CloudSettings Read(params (string Name, string? Value)[] changes)
    {
        Dictionary<string, string?> all = Good.ToDictionary(setting => setting.Key, setting => (string?)setting.Value, StringComparer.Ordinal);
        foreach ((string name, string? value) in changes)
        {
            all[name] = value;
        }

        return CloudSettings.Read(all.GetValueOrDefault);
    }

    private static void RequireOneLine(FedCloudException refused, string name)
    {
        Assert.Contains(name, refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', refused.Message);
        Assert.StartsWith(refused.Code.Name + ": ", refused.Message, StringComparison.Ordinal);
    }
}
