// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Errors;
using FedCloud.Trainer;
using FedCloud.Training.Jobs;

// One job a process: memory cannot leak across rounds. No network, no keys; the agent starts it and reads its output.
try
{
    return args switch
    {
        ["run", string folder] => RunJob(folder),
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
    return Failed(error);
}
catch (Exception error)
{
    // The outermost handler: one line for the agent and for a person, and the trace only for whoever asks for it.
    if (Environment.GetEnvironmentVariable("FEDCLOUD_TRACE") is "1")
    {
        await Console.Error.WriteLineAsync(error.ToString());
    }

    return Failed(new FedCloudException(ErrorCodes.InternalError, $"{error.GetType().Name}: {error.Message}", cause: error));
}

static int RunJob(string folder)
{
    if (Environment.GetEnvironmentVariable("FEDCLOUD_STOP_WITH_INPUT") is "1")
    {
        // The agent holds our standard input: when it goes away, however it ends, we do, so that two trainers never work in one folder.
        _ = Task.Run(() =>
        {
            using Stream input = Console.OpenStandardInput();
            input.CopyTo(Stream.Null);
            Environment.Exit((int)ExitCode.Failed);
        });
    }

    new JobRunner(folder, progress => Console.WriteLine(progress.ToJson()), TimeProvider.System).Run();
    return (int)ExitCode.Done;
}

static int Failed(FedCloudException error)
{
    Console.Error.WriteLine(error.Message);
    Console.WriteLine(new JobProgress { Event = "failed", Code = error.Code.Name, Message = error.Message, Next = error.NextStep }.ToJson());
    return (int)error.Code.Exit;
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
