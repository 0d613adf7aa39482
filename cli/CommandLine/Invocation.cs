// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.CommandLine;
using System.Text.Json;
using FedCloud.Protocol.Errors;

namespace FedCloud.Cli.CommandLine;

/// <summary>The outermost handler: every error becomes one line, or one JSON document, and a documented exit code.</summary>
internal static class Invocation
{
    private const int Interrupted = 130;

    /// <summary>The option that asks for one JSON document on standard output.</summary>
    public static Option<bool> Json() => new("--json") { Description = "Print one JSON document on standard output; progress goes to standard error." };

    /// <summary>Parses and runs.</summary>
    public static async Task<int> RunAsync(RootCommand root, string[] args)
    {
        ParseResult parsed = root.Parse(args);
        if (parsed.Errors.Count > 0)
        {
            await Console.Error.WriteLineAsync($"usage: {Describe(parsed)} See 'fedcloud --help'.");
            return (int)ExitCode.Unusable;
        }

        try
        {
            return await parsed.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = TimeSpan.FromSeconds(30) });
        }
        catch (FedCloudException error)
        {
            return Fail(error, args);
        }
        catch (OperationCanceledException)
        {
            await Console.Error.WriteLineAsync("interrupted");
            return Interrupted;
        }
        catch (Exception error)
        {
            if (string.Equals(Environment.GetEnvironmentVariable("FEDCLOUD_TRACE"), "1", StringComparison.Ordinal))
            {
                await Console.Error.WriteLineAsync(error.ToString());
            }

            return Fail(new FedCloudException(ErrorCodes.InternalError, $"{error.GetType().Name}: {error.Message}"), args);
        }
    }

    // A word that is no command says more than the command that is missing because of it; and types have names for people.
    private static string Describe(ParseResult parsed)
    {
        string message = parsed.UnmatchedTokens is [string unknown, ..] ? $"'{unknown}' is no command or option." : parsed.Errors[0].Message;
        foreach (string type in (string[])["System.Int32", "System.Int64"])
        {
            message = message.Replace($"System.Nullable`1[{type}]", "integer", StringComparison.Ordinal).Replace(type, "integer", StringComparison.Ordinal);
        }

        return message;
    }

    private static int Fail(FedCloudException error, string[] args)
    {
        Console.Error.WriteLine(error.Message);
        if (args.Contains("--json", StringComparer.Ordinal))
        {
            Console.WriteLine(JsonSerializer.Serialize(new ErrorDocument(new ErrorText(error.Code.Name, error.Found, error.NextStep)), CliJson.Default.ErrorDocument));
        }

        return (int)error.Code.Exit;
    }
}
