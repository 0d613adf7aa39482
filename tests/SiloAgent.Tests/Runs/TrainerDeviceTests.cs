// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Jobs;
using FedCloud.SiloAgent.Runs;
using Xunit;

namespace FedCloud.SiloAgent.Tests.Runs;

public sealed class TrainerDeviceTests
{
    [Theory]
    [InlineData("cpu", false, 0)]
    [InlineData("cuda", true, 0)]
    [InlineData("cuda:3", true, 3)]
    public void Read_Device_IsTaken(string value, bool isCuda, int index) =>
        Assert.Equal(new JobDevice(isCuda, index), TrainerDevice.Read(name => string.Equals(name, "FEDCLOUD_TRAINER_DEVICE", StringComparison.Ordinal) ? value : null));

    [Fact]
    public void Read_Nothing_IsTheTrainersChoice()
    {
        Assert.Null(TrainerDevice.Read(_ => null));
        Assert.Null(TrainerDevice.Read(_ => string.Empty));
    }

    [Theory]
    [InlineData("gpu")]
    [InlineData("cuda:")]
    [InlineData("cuda:-1")]
    [InlineData("CUDA")]
    public void Read_AnythingElse_IsRefusedWithItsName(string value)
    {
        var error = Assert.Throws<FedCloudException>(() => TrainerDevice.Read(_ => value));

        Assert.Equal(ErrorCodes.SettingMissing, error.Code);
        Assert.Contains("FEDCLOUD_TRAINER_DEVICE: expected cpu, cuda or cuda:N, found " + value, error.Message, StringComparison.Ordinal);
    }
}
