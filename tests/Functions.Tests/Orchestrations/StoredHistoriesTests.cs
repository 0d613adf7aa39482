// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Text.Json;
using FedCloud.Functions.Orchestrations;
using FedCloud.Functions.Tests.Durable;
using Xunit;

namespace FedCloud.Functions.Tests.Orchestrations;

/// <summary>
/// What each release leaves in the task hub, frozen in tests/vectors/orchestrations: orchestrations that began with it go on under this one. A release whose orchestrator
/// does something else raises <see cref="ActorOrchestration.Version"/> and defaultVersion in host.json, asks the context for its version where the two differ, and adds its
/// own histories with <c>FEDCLOUD_WRITE_HISTORY=1</c>.
/// </summary>
public sealed class StoredHistoriesTests
{
    private static readonly string Folder = Path.Combine(RepositoryFiles.Root, "tests", "vectors", "orchestrations");
    private static readonly JsonSerializerOptions Format = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    public static TheoryData<string> Releases() => [.. Versions()];

    [Theory]
    [MemberData(nameof(Releases))]
    public void Replay_HistoriesOfARelease_Agrees(string version)
    {
        DurableHistory[] histories = Read(version);
        using ScriptedActor actor = new(_ => ScriptedActor.Over());

        foreach ((int number, DurableHistory history) in histories.Index())
        {
            foreach (int end in Enumerable.Range(1, history.Events.Length).Where(end => end == history.Events.Length || history.Events[end] is OrchestratorStarted))
            {
                try
                {
                    actor.Host.Verify(new DurableHistory(history.Events[..end]));
                }
                catch (NonDeterminismException error)
                {
                    Assert.Fail($"The orchestrator no longer replays history {number} of version {version}: it says {error.InHistory}, the code does {error.InCode}. {NextStep}");
                }
            }
        }

        Assert.All(histories, history => Assert.Equal(version, history.Events.OfType<ExecutionStarted>().Single().Version));
    }

    // Also what the frozen story would not notice by itself, say a call that comes after its end.
    [Fact]
    public async Task Story_OfThisRelease_IsTheFrozenOne()
    {
        using ScriptedActor actor = await ActorStory.RunAsync();
        string path = PathOf(ActorOrchestration.Version);
        string told = JsonSerializer.Serialize(actor.Histories.Select(history => history.Events).ToArray(), Format) + "\n";
        if (Environment.GetEnvironmentVariable("FEDCLOUD_WRITE_HISTORY") is "1" && !File.Exists(path))
        {
            await File.WriteAllTextAsync(path, told);
        }

        Assert.True(File.Exists(path), $"Version {ActorOrchestration.Version} has no frozen histories. {NextStep}");
        Assert.True(string.Equals(await File.ReadAllTextAsync(path), told, StringComparison.Ordinal), $"The orchestrator tells another story than version {ActorOrchestration.Version} has frozen. {NextStep}");
    }

    [Fact]
    public void Versions_OfHostCodeAndHistories_Agree()
    {
        using JsonDocument host = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(RepositoryFiles.Root, "functions", "Host", "host.json")));
        JsonElement settings = host.RootElement.GetProperty("extensions").GetProperty("durableTask");

        Assert.Equal(ActorOrchestration.Version, settings.GetProperty("defaultVersion").GetString());
        Assert.Equal("CurrentOrOlder", settings.GetProperty("versionMatchStrategy").GetString());
        Assert.Equal("Reject", settings.GetProperty("versionFailureStrategy").GetString());
        Assert.Equal(ActorOrchestration.Version, Versions().MaxBy(Version.Parse));
    }

    private static string NextStep =>
        "Where the change is meant: keep the old way for orchestrations whose context.Version is older, raise ActorOrchestration.Version and defaultVersion in functions/Host/host.json, and freeze the new story with FEDCLOUD_WRITE_HISTORY=1 (tests/vectors/README.md).";

    private static IEnumerable<string> Versions() => Directory.EnumerateFiles(Folder, "*.json").Select(Path.GetFileNameWithoutExtension).OfType<string>().Order(StringComparer.Ordinal);

    private static DurableHistory[] Read(string version) =>
        Array.ConvertAll(JsonSerializer.Deserialize<ImmutableArray<HistoryEvent>[]>(File.ReadAllBytes(PathOf(version)), Format) ?? [], events => new DurableHistory(events));

    private static string PathOf(string version) => Path.Combine(Folder, version + ".json");
}
