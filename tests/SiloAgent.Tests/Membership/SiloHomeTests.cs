// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using FedCloud.Protocol.Enrolment;
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
