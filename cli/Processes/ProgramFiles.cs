// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Errors;

namespace FedCloud.Cli.Processes;

/// <summary>Where the other programs are: beside this one when installed, else in the build's output.</summary>
internal static class ProgramFiles
{
    /// <summary>Finds a program.</summary>
    /// <exception cref="FedCloudException"><c>process_not_started</c>.</exception>
    public static string Find(string project, string program)
    {
        string configuration = Path.GetFileName(AppContext.BaseDirectory.TrimEnd(Path.DirectorySeparatorChar));
        string[] candidates =
        [
            Path.Combine(AppContext.BaseDirectory, program),
            Path.GetFullPath(Path.Combine(AppContext.BaseDirectory, "..", "..", project, configuration, program)),
        ];
        return candidates.FirstOrDefault(path => File.Exists(path + ".dll"))
            ?? throw new FedCloudException(ErrorCodes.ProcessNotStarted, $"expected the program {program} beside this one, found none", "build the whole solution, or install the package whole");
    }
}
