// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Errors;
using FedCloud.Trainer;
using FedCloud.Training.Jobs;

// One job a process: memory cannot leak across rounds. No network, no keys; the agent starts it and reads its output.
try
{
    return args switch
    {
        ["run", string folder] => TrainerProgram.Run(folder, new ManagedEngine()),
        ["estimate", .. string[] options] when EstimateOptions.Parse(options) is { } estimate => EstimateCommand.Run(estimate, new MachineMemory().AvailableBytes()),
        ["sample", string folder] => SampleCommands.WriteTexts(folder),
        ["pretrain", string texts, string folder] => SampleCommands.Pretrain(texts, folder),
        ["generate", .. string[] options] when GenerateOptions.Parse(options) is { } generate => GenerateCommand.Run(generate),
        ["merge", .. string[] options] when MergeCommand.Parse(options) is { } merge => MergeCommand.Run(merge),
        _ => Usage(),
    };
}
catch (FedCloudException error)
{
    return TrainerProgram.Failed(error);
}
catch (Exception error)
{
    return TrainerProgram.FailedUnexpectedly(error);
}

static int Usage()
{
    Console.Error.WriteLine(
        """
        usage: fedcloud-trainer run JOBDIR               one round's job, as docs/job-format.md defines it
               fedcloud-trainer estimate JOBDIR [--base-weights f32|bf16|int8] [--json]
               fedcloud-trainer estimate --base DIR [--rank N] [--batch N] [--length N] [--base-weights f32|bf16|int8] [--private] [--json]
                                                         the memory that a job takes, part by part; length in tokens
               fedcloud-trainer sample OUTDIR            the sample's texts: general text and four silos' examples
               fedcloud-trainer pretrain TEXTDIR OUTDIR  the sample's base model from general.txt
               fedcloud-trainer generate --base DIR --prompt TEXT [--adapter DIR] [--max-tokens N]
                                                         greedy continuation; DIR as PEFT saves an adapter
               fedcloud-trainer merge --base DIR --adapter DIR --out DIR [--dtype keep|f32|bf16|f16]
                                                         a model folder that needs no PEFT
        """);
    return (int)ExitCode.Unusable;
}
