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
        ["sample", string folder] => SampleCommands.WriteTexts(folder),
        ["pretrain", string texts, string folder] => SampleCommands.Pretrain(texts, folder),
        ["generate", string model, string prompt] => SampleCommands.Generate(model, prompt),
        _ => Usage(),
    };
}
catch (FedCloudException error)
{
    await Console.Error.WriteLineAsync(error.Message);
    Console.WriteLine(new JobProgress { Event = "failed", Code = error.Code.Name, Message = error.Message }.ToJson());
    return (int)error.Code.Exit;
}

static int RunJob(string folder)
{
    new JobRunner(folder, progress => Console.WriteLine(progress.ToJson()), TimeProvider.System).Run();
    return (int)ExitCode.Done;
}

static int Usage()
{
    Console.Error.WriteLine(
        """
        usage: fedcloud-trainer run JOBDIR               one round's job, as docs/job-format.md defines it
               fedcloud-trainer sample OUTDIR            the sample's texts: general text and four silos' examples
               fedcloud-trainer pretrain TEXTDIR OUTDIR  the sample's base model from general.txt
               fedcloud-trainer generate BASEDIR PROMPT  greedy continuation
        """);
    return (int)ExitCode.Unusable;
}
