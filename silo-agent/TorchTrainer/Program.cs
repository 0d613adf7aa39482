// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Runtime.InteropServices;
using FedCloud.Protocol.Errors;
using FedCloud.TorchTrainer.Jobs;
using FedCloud.Training.Jobs;

// One job a process, as fedcloud-trainer: no keys, no state outside the job's folder. The agent starts it and reads its output.
try
{
    return args is ["run", string folder] ? TrainerProgram.Run(folder, new TorchEngine()) : Usage();
}
catch (FedCloudException error)
{
    return TrainerProgram.Failed(error);
}
catch (ExternalException error) when (error.Message.Contains("out of memory", StringComparison.Ordinal))
{
    // The estimate foretells this; where it did not, other processes took the memory meanwhile.
    return TrainerProgram.Failed(new FedCloudException(ErrorCodes.MemoryExceeded, "expected enough memory on the device, found none left while training", "lower training.batch_size or training.sequence_length, or free the device of other work", error));
}
catch (Exception error)
{
    return TrainerProgram.FailedUnexpectedly(error);
}

static int Usage()
{
    Console.Error.WriteLine("usage: fedcloud-trainer-torch run JOBDIR   one round's job, as docs/job-format.md defines it");
    return (int)ExitCode.Unusable;
}
