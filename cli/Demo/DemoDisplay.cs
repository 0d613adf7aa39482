// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json;
using Spectre.Console;

namespace FedCloud.Cli.Demo;

/// <summary>Live progress: a row a silo, a line a round. Plain lines where there is no terminal.</summary>
internal sealed class DemoDisplay : IAsyncDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(200);

    private readonly ConcurrentDictionary<string, Row> _rows = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<(string Silo, int Round), (DateTimeOffset Start, DateTimeOffset End)> _training = [];
    private readonly ConcurrentDictionary<string, DemoBudget> _budgets = new(StringComparer.Ordinal);
    private readonly ConcurrentQueue<string> _lines = new();
    private readonly IAnsiConsole _console;
    private readonly bool _live;
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _work;

    /// <summary>Begins to show.</summary>
    /// <param name="silos">The silos.</param>
    public DemoDisplay(IEnumerable<string> silos)
    {
        // Progress goes to standard error, so that standard output holds the result alone.
        _console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });
        _live = !Console.IsErrorRedirected && string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR")) && _console.Profile.Capabilities.Ansi;
        foreach (string silo in silos)
        {
            _rows[silo] = new Row("starting", null, string.Empty);
        }

        _work = _live ? Task.Run(ShowAsync) : Task.CompletedTask;
    }

    /// <summary>Shows a line for good.</summary>
    public void Line(string text)
    {
        if (_live)
        {
            _lines.Enqueue(text);
        }
        else
        {
            Console.Error.WriteLine(text);
        }
    }

    /// <summary>Takes a line of an agent.</summary>
    public void Take(string silo, string line)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(line);
            Take(silo, document.RootElement);
        }
        catch (JsonException)
        {
            // A line of the runtime; it is in the agent's log.
        }
    }

    /// <summary>Takes a line of a trainer that works outside the federation.</summary>
    public void TakeAlone(string silo, string line)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(line);
            _rows[silo] = new Row("alone", null, Describe(document.RootElement));
        }
        catch (JsonException)
        {
            // A line of the runtime; it is in the trainer's log.
        }
    }

    /// <summary>What a silo's terminal last said of its budget; null for nothing.</summary>
    public DemoBudget? BudgetOf(string silo) => _budgets.GetValueOrDefault(silo);

    /// <summary>From the first trainer's start to the last trainer's exit in a round.</summary>
    public TimeSpan TrainingTime(int round)
    {
        (DateTimeOffset Start, DateTimeOffset End)[] times = [.. _training.Where(entry => entry.Key.Round == round && entry.Value.End > entry.Value.Start).Select(entry => entry.Value)];
        return times.Length == 0 ? TimeSpan.Zero : times.Max(time => time.End) - times.Min(time => time.Start);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _work;
        _stop.Dispose();
    }

    private void Take(string silo, JsonElement json)
    {
        string phase = json.GetProperty("phase").GetString() ?? string.Empty;
        int? round = json.TryGetProperty("round", out JsonElement number) ? number.GetInt32() : null;
        DateTimeOffset at = json.GetProperty("at").GetDateTimeOffset();
        if (string.Equals(phase, "trainer", StringComparison.Ordinal) && json.TryGetProperty("trainer", out JsonElement trainer))
        {
            string name = trainer.GetProperty("event").GetString() ?? string.Empty;
            if (round is { } begun && name is "started")
            {
                _training[(silo, begun)] = (at, at);
            }
            else if (name is "done" or "failed" && _training.TryGetValue((silo, round ?? 0), out (DateTimeOffset Start, DateTimeOffset End) time))
            {
                _training[(silo, round ?? 0)] = (time.Start, at);
            }

            // The trainer's own words stay at the silo; here they are shown since the demo plays every administrator.
            if (name is "failed" && trainer.TryGetProperty("message", out JsonElement message))
            {
                Line($"{silo}: {message.GetString()}");
            }

            if (round is 1 && trainer.TryGetProperty("truncated", out JsonElement cut) && cut.GetInt32() > 0)
            {
                Line($"{silo}: {cut.GetInt32()} of {trainer.GetProperty("examples").GetInt32()} training examples are longer than training.sequence_length and were cut");
            }

            _rows[silo] = new Row(name is "step" or "started" ? "training" : name is "evaluated" ? "evaluated" : "trained", round, Describe(trainer));
            return;
        }

        if (phase is "budget" && json.TryGetProperty("budget", out JsonElement news))
        {
            TakeBudget(silo, json, news);
            return;
        }

        if (phase is "refused" or "alarm" or "declined" or "refused_plan")
        {
            Line($"{silo}: {phase} {json.GetProperty("detail").GetString()}");
        }

        if (phase is not "ignored")
        {
            _rows[silo] = new Row(phase, round, string.Empty);
        }
    }

    private void TakeBudget(string silo, JsonElement json, JsonElement news)
    {
        if (news.GetProperty("event").GetString() is not ("reserved" or "charged" or "settled"))
        {
            Line($"{silo}: {json.GetProperty("detail").GetString()}");
        }

        if (news.TryGetProperty("epsilon_max", out JsonElement max))
        {
            _budgets[silo] = new DemoBudget(Real(news, "run_epsilon"), Whole(news, "rounds_charged"), Whole(news, "rounds_reserved"), Real(news, "epsilon_spent"), Real(news, "epsilon_left"), max.GetDecimal(), Real(news, "delta_max"));
        }
    }

    private static decimal? Real(JsonElement json, string name) => json.TryGetProperty(name, out JsonElement value) ? value.GetDecimal() : null;

    private static long? Whole(JsonElement json, string name) => json.TryGetProperty(name, out JsonElement value) ? value.GetInt64() : null;

    private static string Describe(JsonElement trainer)
    {
        string step = trainer.TryGetProperty("step", out JsonElement number) && trainer.TryGetProperty("steps", out JsonElement all) ? $"step {number}/{all}  " : string.Empty;
        string loss = trainer.TryGetProperty("loss", out JsonElement value) ? string.Create(CultureInfo.InvariantCulture, $"loss {value.GetDouble():F4}  ") : string.Empty;
        string speed = trainer.TryGetProperty("tokens_per_second", out JsonElement rate) ? string.Create(CultureInfo.InvariantCulture, $"{rate.GetDouble():F0} tokens/s") : string.Empty;
        return step + loss + speed;
    }

    private async Task ShowAsync()
    {
        await _console.Live(Render()).AutoClear(true).StartAsync(async context =>
        {
            while (!_stop.IsCancellationRequested)
            {
                FlushLines();
                context.UpdateTarget(Render());
                await Task.Delay(Interval, CancellationToken.None);
            }
        });
        FlushLines();
    }

    private void FlushLines()
    {
        while (_lines.TryDequeue(out string? line))
        {
            // To the full width: what is written over the table's old place must cover all of it.
            int width = Math.Max(1, _console.Profile.Width - 1);
            _console.WriteLine(line.PadRight(((line.Length / width) + 1) * width));
        }
    }

    private Table Render()
    {
        Table table = new Table().Border(TableBorder.Rounded).AddColumns("silo", "phase", "round", "progress");
        foreach ((string silo, Row row) in _rows.OrderBy(row => row.Key, StringComparer.Ordinal))
        {
            table.AddRow(new Text(silo), new Text(row.Phase), new Text(row.Round?.ToString(CultureInfo.InvariantCulture) ?? string.Empty), new Text(row.Detail));
        }

        return table;
    }

    private sealed record Row(string Phase, int? Round, string Detail);
}
