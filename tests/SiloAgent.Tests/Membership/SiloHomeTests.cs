// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Enrolment;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.SiloAgent.Homes;
using Xunit;

namespace FedCloud.SiloAgent.Tests.Membership;

/// <summary>What an agent makes of an invitation.</summary>
public sealed class SiloHomeTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("home").FullName;

    [Fact]
    public void Create_CoordinatorWithQueues_OpensAgain()
    {
        SiloHome.Create(Home, Write("fedcloud.servicebus.windows.net"));

        Assert.Equal("fedcloud.servicebus.windows.net", SiloHome.Open(Home).Invitation.ServiceBus);
    }

    [Fact]
    public void Create_CoordinatorWithContainers_OpensAgain()
    {
        SiloHome.Create(Home, Write(broker: null));

        Assert.Null(SiloHome.Open(Home).Invitation.ServiceBus);
    }

    [Fact]
    public void Create_WithADataCard_KeepsItsCanonicalBytes()
    {
        SiloHome home = SiloHome.Create(Home, Write(broker: null), WriteCard("silo-1"));

        Assert.Equal("silo-1", DataCard.Parse(File.ReadAllBytes(home.DataCardPath)).SiloId.Value);
    }

    [Fact]
    public void Create_DataCardThatIsMissingOrOfAnotherSilo_MakesNoHome()
    {
        Assert.Equal(ErrorCodes.FileMissing, Assert.Throws<FedCloudException>(() => SiloHome.Create(Home, Write(broker: null), Path.Combine(_folder, "none.json"))).Code);
        Assert.Equal(ErrorCodes.DataCardMalformed, Assert.Throws<FedCloudException>(() => SiloHome.Create(Home, Write(broker: null), WriteCard("silo-2"))).Code);
        Assert.False(Directory.Exists(Home));
    }

    private string WriteCard(string silo)
    {
        string path = Path.Combine(_folder, "card.json");
        File.WriteAllText(path, $$"""
            { "v": 1, "federation": "test-federation", "silo_id": "{{silo}}", "description": "Letters", "purpose": "coding", "legal_basis": "consent",
              "schema_sha256": "{{new string('a', 64)}}", "records": { "at_least": 100, "at_most": 200 },
              "collected_from": "2020-01", "collected_until": "2020-12", "contact": "data office" }
            """);
        return path;
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    private string Home => Path.Combine(_folder, "home");

    private string Write(string? broker)
    {
        SiloInvitation invitation = new()
        {
            V = 1,
            Federation = new FederationId("test-federation"),
            SiloId = new SiloId("silo-1"),
            Code = new string('0', 64),
            CoordinatorSpki = "AA==",
            LogVkey = "test-federation/log+00000000+AA==",
            StorageEndpoint = "https://example.blob.core.windows.net/",
            ServiceBus = broker,
            Sas = ImmutableSortedDictionary<string, string>.Empty,
            BellUrl = string.Empty,
            BellToken = string.Empty,
            Expires = DateTimeOffset.UnixEpoch,
        };
        string path = Path.Combine(_folder, "invitation.json");
        File.WriteAllBytes(path, invitation.ToJson());
        return path;
    }
}
