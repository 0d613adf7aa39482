// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Diagnostics;
using System.Runtime.InteropServices;
using FedCloud.Protocol.Errors;

namespace FedCloud.Cli.Processes;

/// <summary>A process of the local federation: its lines, its log file, and an end in good order.</summary>
public sealed class ChildProcess : IAsyncDisposable
{
    private const int TerminateSignal = 15;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly Process _process;
    private readonly StreamWriter _log;
    private readonly Lock _gate = new();

    private ChildProcess(string name, Process process, StreamWriter log)
    {
        Name = name;
        _process = process;
        _log = log;
    }

    /// <summary>The process's name for people.</summary>
    public string Name { get; }

    /// <summary>Its id.</summary>
    public int Id => _process.Id;

    /// <summary>Whether it has ended.</summary>
    public bool HasExited => _process.HasExited;

    /// <summary>Starts a process.</summary>
    /// <param name="name">Its name for people.</param>
    /// <param name="program">The executable.</param>
    /// <param name="arguments">Arguments; never secrets.</param>
    /// <param name="environment">Variables to set; null removes one.</param>
    /// <param name="logPath">Everything it prints goes there.</param>
    /// <param name="line">Takes lines of standard output; may be null.</param>
    /// <exception cref="FedCloudException"><c>process_not_started</c>.</exception>
    public static ChildProcess Start(string name, string program, IEnumerable<string> arguments, IReadOnlyDictionary<string, string?> environment, string logPath, Action<string>? line)
    {
        ProcessStartInfo start = new(program)
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (string argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        foreach ((string key, string? value) in environment)
        {
            start.Environment[key] = value;
        }

        Process process;
        try
        {
            process = Process.Start(start) ?? throw new FedCloudException(ErrorCodes.ProcessNotStarted, $"{name} did not start");
        }
        catch (System.ComponentModel.Win32Exception error)
        {
            throw new FedCloudException(ErrorCodes.ProcessNotStarted, $"{name}: {error.Message}", "build the whole solution first", error);
        }

        StreamWriter log = new(new FileStream(logPath, FileMode.Append, FileAccess.Write, FileShare.ReadWrite)) { AutoFlush = true };
        ChildProcess child = new(name, process, log);
        process.OutputDataReceived += (_, data) => child.Take(data.Data, line);
        process.ErrorDataReceived += (_, data) => child.Take(data.Data, null);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return child;
    }

    /// <summary>Waits for the end.</summary>
    /// <returns>The exit code.</returns>
    public async Task<int> WaitAsync(CancellationToken cancellation)
    {
        await _process.WaitForExitAsync(cancellation);
        return _process.ExitCode;
    }

    /// <summary>Kills it at once, as a crash would.</summary>
    public void Kill() => _process.Kill();

    /// <summary>Ends it in good order, and by force after ten seconds.</summary>
    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            if (OperatingSystem.IsWindows() || SendSignal(_process.Id, TerminateSignal) != 0)
            {
                _process.Kill(entireProcessTree: true);
            }

            using CancellationTokenSource limit = new(Patience);
            try
            {
                await _process.WaitForExitAsync(limit.Token);
            }
            catch (OperationCanceledException)
            {
                _process.Kill(entireProcessTree: true);
                await _process.WaitForExitAsync(CancellationToken.None);
            }
        }

        _process.Dispose();
        lock (_gate)
        {
            _log.Dispose();
        }
    }

    [DllImport("libc", EntryPoint = "kill", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int SendSignal(int process, int signal);

    private void Take(string? text, Action<string>? line)
    {
        if (text is null)
        {
            return;
        }

        lock (_gate)
        {
            if (_log.BaseStream is { CanWrite: true })
            {
                _log.WriteLine(text);
            }
        }

        line?.Invoke(text);
    }
}
