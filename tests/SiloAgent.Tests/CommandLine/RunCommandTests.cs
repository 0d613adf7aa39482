// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using Xunit;

namespace FedCloud.SiloAgent.Tests.CommandLine;

public sealed class RunCommandTests
{
    [Theory]
    [InlineData("int4")]
    [InlineData("INT8")]
    public Task Run_StorageOfAnotherName_IsRefusedInOneLine(string storage) =>
        AgentProcess.RequireRefusedAsync(2, "usage: --base-weights (or FEDCLOUD_BASE_WEIGHTS) has to be f32, bf16 or int8.", "run", "--home", "nowhere", "--base-weights", storage);
}
