// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Diagnostics;
using System.Globalization;

namespace FedCloud.Benchmarks;

/// <summary>A process in the training benchmark: it waits, takes one step when it is told to, and says how long that took.</summary>
internal sealed class Entrant : IDisposable
{
    private readonly Process _process;
    private readonly List<double> _seconds = [];

    private Entrant(string name, Process process, double loss)
    {
        Name = name;
        _process = process;
        Loss = loss;
    }

    public string Name { get; }

    public int ProcessId => _process.Id;

    /// <summary>The loss of its first step.</summary>
    public double Loss { get; }

    /// <summary>The seconds of a step.</summary>
    public double Median => _seconds.Order().ElementAt(_seconds.Count / 2);

    /// <summary>The seconds of its fastest step.</summary>
    public double Best => _seconds.Min();

    /// <summary>The largest working set so far, in MiB.</summary>
    public long PeakMib
    {
        get
        {
            _process.Refresh();
            return _process.PeakWorkingSet64 >> 20;
        }
    }

    /// <summary>Waits until the process is ready.</summary>
    public static async Task<Entrant> StartAsync(string name, Process process) =>
        new(name, process, double.Parse(await process.StandardOutput.ReadLineAsync() ?? throw new InvalidOperationException($"{name} ended"), CultureInfo.InvariantCulture));

    /// <summary>One timed step.</summary>
    public void Step()
    {
        _process.StandardInput.WriteLine("step");
        _process.StandardInput.Flush();
        _seconds.Add(double.Parse(_process.StandardOutput.ReadLine() ?? throw new InvalidOperationException($"{Name} ended"), CultureInfo.InvariantCulture));
    }

    public void Dispose()
    {
        _process.StandardInput.Close();
        _process.WaitForExit();
        _process.Dispose();
    }
}
