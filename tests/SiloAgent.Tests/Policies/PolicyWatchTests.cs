// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Signing;
using FedCloud.SiloAgent.Policies;
using FedCloud.SiloAgent.Tests.Audit;
using Xunit;

namespace FedCloud.SiloAgent.Tests.Policies;

/// <summary>Which policy is in force while files come and go.</summary>
public sealed class PolicyWatchTests : IDisposable
{
    private readonly AuditedSilo _silo = new();
    private readonly List<FedCloudException> _refused = [];

    public void Dispose() => _silo.Dispose();

    [Fact]
    public async Task HasNext_AnotherSignedPolicy_WaitsUntilItIsTaken()
    {
        PolicyWatch watch = await WatchAsync();

        Assert.False(watch.HasNext());
        await SignAsync(2);
        Assert.True(watch.HasNext());
        Assert.True(watch.HasNext());
        Assert.Equal(1, watch.Current.Threads);
        watch.Take();
        Assert.Equal(2, watch.Current.Threads);
        Assert.False(watch.HasNext());
        Assert.Empty(_refused);
    }

    [Fact]
    public async Task HasNext_ThePolicyInForceAgain_IsNothingNew()
    {
        PolicyWatch watch = await WatchAsync();
        await SignAsync(2);
        Assert.True(watch.HasNext());

        await SignAsync(1);

        Assert.False(watch.HasNext());
        Assert.Throws<InvalidOperationException>(watch.Take);
    }

    [Theory]
    [InlineData("not a policy")]
    [InlineData("{}")]
    [InlineData(null)]
    [InlineData("a folder")]
    public async Task HasNext_AFileThatIsNoPolicy_IsSaidOnceAndTheOldOneStays(string? content)
    {
        PolicyWatch watch = await WatchAsync();
        if (content is null or "a folder")
        {
            File.Delete(_silo.Home.PolicyPath);
            _ = content is null ? null : Directory.CreateDirectory(_silo.Home.PolicyPath);
        }
        else
        {
            await File.WriteAllTextAsync(_silo.Home.PolicyPath, content);
        }

        Assert.False(watch.HasNext());
        Assert.False(watch.HasNext());

        FedCloudException said = Assert.Single(_refused);
        Assert.Equal(ErrorCodes.PolicySignature, said.Code);
        Assert.Contains($"the policy {watch.Current.Digest().Hex[..12]} stays in force", said.Message, StringComparison.Ordinal);
        Assert.Equal(1, watch.Current.Threads);
        if (Directory.Exists(_silo.Home.PolicyPath))
        {
            Directory.Delete(_silo.Home.PolicyPath);
        }

        await SignAsync(2);
        Assert.True(watch.HasNext());
    }

    [Fact]
    public void Watch_NoPolicyAtTheStart_IsRefused() =>
        Assert.Equal(ErrorCodes.PolicySignature, Assert.Throws<FedCloudException>(() => new PolicyWatch(_silo.Home.PolicyPath, Administrator, _refused.Add)).Code);

    private VerificationKey Administrator => VerificationKey.Of(_silo.Federation.Members[0].Admin);

    private async Task<PolicyWatch> WatchAsync()
    {
        await SignAsync(1);
        return new PolicyWatch(_silo.Home.PolicyPath, Administrator, _refused.Add);
    }

    private Task<Sha256Digest> SignAsync(int threads) => PolicySigning.SignAsync(_silo.Home, AuditedSilo.Policy() with { Threads = threads }, TimeProvider.System, CancellationToken.None);
}
