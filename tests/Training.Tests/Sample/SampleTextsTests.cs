// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Training.Sample;

namespace FedCloud.Training.Tests.Sample;

public sealed class SampleTextsTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("fedcloud-").FullName;

    [Fact]
    public void Write_Sample_GivesTheCommittedFiles()
    {
        SampleTexts.Write(_folder);

        string committed = Path.Combine(Repository.Root, "samples", "data");
        string[] names = [.. Directory.GetFiles(committed, "*.jsonl").Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal)];
        Assert.Equal(8, names.Length);
        Assert.All(names, name => Assert.Equal(File.ReadAllText(Path.Combine(committed, name)), File.ReadAllText(Path.Combine(_folder, name))));
    }

    [Fact]
    public void General_SilosWords_DoNotOccur()
    {
        string general = SampleTexts.General();

        Assert.All(
            SampleSilo.All.SelectMany(silo => silo.Shares).SelectMany(share => share.Topic.Cases).SelectMany(found => new[] { found.Name, found.First, found.Then }),
            words => Assert.DoesNotContain(words, general, StringComparison.OrdinalIgnoreCase));
        Assert.All(SampleSilo.All, silo => Assert.DoesNotContain(silo.Jargon, general, StringComparison.Ordinal));
    }

    [Fact]
    public void All_Silos_SeeTheirOwnTopicMost()
    {
        Assert.All(SampleSilo.All, silo => Assert.Equal(100, silo.Shares.Sum(share => share.Percent)));
        Assert.Equal(SampleSilo.All.Count, SampleSilo.All.Select(silo => silo.Shares.MaxBy(share => share.Percent).Topic).Distinct().Count());
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
