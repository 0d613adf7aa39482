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

        Assert.All(SampleTexts.Silos.SelectMany(silo => silo.Topics), topic => Assert.DoesNotContain(topic, general, StringComparison.Ordinal));
    }

    public void Dispose() => Directory.Delete(_folder, recursive: true);
}
