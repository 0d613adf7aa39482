// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.CommandLine;
using FedCloud.SiloAgent.CommandLine;

RootCommand root = new("fedcloud-silo: the agent of one silo. It holds the silo's identity, keys and policy, and starts the trainer.")
{
    InitCommand.Create(),
    PolicyCommand.Create(),
    PlanCommand.Create(),
    ReportCommand.Create(),
    RunCommand.Create(),
    WitnessCommand.Create(),
    BudgetCommand.Create(),
};
return await Invocation.RunAsync(root, args);
