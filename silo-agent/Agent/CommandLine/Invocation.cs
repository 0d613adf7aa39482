// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.CommandLine;
using FedCloud.Protocol.Errors;

namespace FedCloud.SiloAgent.CommandLine;

/// <summary>The outermost handler: every error becomes one line and a documented exit code.</summary>
internal static class Invocation
{
    /// <summary>The option that all commands share.</summary>
    public static Option<string> Home() => new("--home") { Description = "The silo's home folder.", Required = true };

    /// <summary>Parses and runs.</summary>
    public static async Task<int> RunAsync(RootCommand root, string[] args)
    {
        ParseResult parsed = root.Parse(args);
        if (parsed.Errors.Count > 0)
        {
            await Console.Error.WriteLineAsync($"usage: {parsed.Errors[0].Message} See 'fedcloud-silo --help'.");
            return (int)ExitCode.Unusable;
        }

        try
        {
            return await parsed.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
        }
        catch (FedCloudException error)
        {
            await Console.Error.WriteLineAsync(error.Message);
            return (int)error.Code.Exit;
        }
        catch (OperationCanceledException)
        {
            return (int)ExitCode.Done;
        }
        catch (Exception error)
        {
            bool trace = string.Equals(Environment.GetEnvironmentVariable("FEDCLOUD_TRACE"), "1", StringComparison.Ordinal);
            string found = $"{error.GetType().Name}: {error.Message}";
            await Console.Error.WriteLineAsync(trace ? error.ToString() : new FedCloudException(ErrorCodes.InternalError, found).Message);
            return (int)ExitCode.Failed;
        }
    }
}
