// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Runtime.InteropServices;
using FedCloud.Protocol.Errors;
using FedCloud.TorchTrainer.Jobs;
using FedCloud.Training.Jobs;

// One job a process, as fedcloud-trainer: no keys, no state outside the job's folder. The agent starts it and reads its output.
try
{
    return args is ["run", string folder] ? RunJob(folder) : Usage();
}
catch (FedCloudException error)
{
    return Failed(error);
}
catch (ExternalException error) when (error.Message.Contains("out of memory", StringComparison.Ordinal))
{
    // The estimate foretells this; where it did not, other processes took the memory meanwhile.
    return Failed(new FedCloudException(ErrorCodes.MemoryExceeded, "expected enough memory on the device, found none left while training", "lower training.batch_size or training.sequence_length, or free the device of other work", error));
}
catch (Exception error)
{
    // The outermost handler: one line for the agent and for a person, and the trace only for whoever asks for it.
    if (Environment.GetEnvironmentVariable("FEDCLOUD_TRACE") is "1")
    {
        await Console.Error.WriteLineAsync(error.ToString());
    }

    return Failed(new FedCloudException(ErrorCodes.InternalError, $"{error.GetType().Name}: {error.Message.Split('\n')[0]}", cause: error));
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

    new JobRunner(folder, progress => Console.WriteLine(progress.ToJson()), TimeProvider.System, new TorchEngine()).Run();
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
    Console.Error.WriteLine("usage: fedcloud-trainer-torch run JOBDIR   one round's job, as docs/job-format.md defines it");
    return (int)ExitCode.Unusable;
}
