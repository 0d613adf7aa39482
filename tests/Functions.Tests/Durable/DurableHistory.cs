// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Text.Json;

namespace FedCloud.Functions.Tests.Durable;

/// <summary>The history of one generation of an orchestration; as JSON it is what a release leaves behind for the next ones to replay.</summary>
public sealed record DurableHistory(ImmutableArray<HistoryEvent> Events)
{
    private static readonly JsonSerializerOptions Format = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    public static DurableHistory Empty { get; } = new([]);

    public bool IsEnded => Events is [.., { IsEnd: true }];

    /// <summary>Activities that were scheduled and gave no result yet.</summary>
    public IEnumerable<TaskScheduled> OpenTasks => Events.OfType<TaskScheduled>()
        .Where(task => !Events.Any(item => item is TaskCompleted done && done.TaskId == task.Id || item is TaskFailed failed && failed.TaskId == task.Id));

    /// <summary>Timers that were set and did not fire yet, cancelled ones too.</summary>
    public IEnumerable<TimerCreated> OpenTimers => Events.OfType<TimerCreated>()
        .Where(timer => !Events.Any(item => item is TimerFired fired && fired.TimerId == timer.Id));

    public static DurableHistory Parse(string json) =>
        new(JsonSerializer.Deserialize<ImmutableArray<HistoryEvent>>(json, Format));

    public string ToJson() => JsonSerializer.Serialize(Events, Format);

    public DurableHistory Append(IEnumerable<HistoryEvent> events) => new(Events.AddRange(events));
}
