// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.CommandLine;
using FedCloud.Cli.CommandLine;
using FedCloud.Cli.Demo;

RootCommand root = new("fedcloud: several organisations fine-tune one language model together; no record leaves its silo.")
{
    DemoCommand.Create(),
    PlanCommands.Create(),
    RunCommands.Create(),
    SiloCommands.Create(),
    KeyCommands.Create(),
    ModelCommands.Create(),
    PrivacyCommands.Create(),
    AuditCommands.Create(),
};
return await Invocation.RunAsync(root, args);
