// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Errors;

namespace FedCloud.Training.Jobs;

/// <summary>What every trainer's program does: one job a process, progress as JSON Lines, and one line for what went wrong (docs/job-format.md).</summary>
public static class TrainerProgram
{
    /// <summary>Runs a job to its end, or until the agent goes away.</summary>
    /// <param name="folder">The job's folder.</param>
    /// <param name="engine">What computes.</param>
    /// <returns>The exit code.</returns>
    /// <exception cref="FedCloudException">Any code of docs/job-format.md.</exception>
    public static int Run(string folder, ITrainingEngine engine)
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

        new JobRunner(folder, progress => Console.WriteLine(progress.ToJson()), TimeProvider.System, engine).Run();
        return (int)ExitCode.Done;
    }

    /// <summary>Says what failed: one line for a person, one for the agent.</summary>
    /// <returns>The exit code.</returns>
    public static int Failed(FedCloudException error)
    {
        ArgumentNullException.ThrowIfNull(error);
        Console.Error.WriteLine(error.Message);
        Console.WriteLine(new JobProgress { Event = "failed", Code = error.Code.Name, Message = error.Message, Next = error.NextStep }.ToJson());
        return (int)error.Code.Exit;
    }

    /// <summary>The same of an error that nobody expected, for the outermost handler; the trace is only for whoever asks for it.</summary>
    /// <returns>The exit code.</returns>
    public static int FailedUnexpectedly(Exception error)
    {
        ArgumentNullException.ThrowIfNull(error);
        if (Environment.GetEnvironmentVariable("FEDCLOUD_TRACE") is "1")
        {
            Console.Error.WriteLine(error.ToString());
        }

        return Failed(new FedCloudException(ErrorCodes.InternalError, $"{error.GetType().Name}: {error.Message.Split('\n')[0]}", cause: error));
    }
}
