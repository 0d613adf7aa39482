// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;

namespace FedCloud.Cli.Demo;

/// <summary>A silo's files.</summary>
/// <param name="Name">The silo's id.</param>
/// <param name="TrainFile">Training examples.</param>
/// <param name="EvalFile">Evaluation examples.</param>
internal sealed record DemoData(SiloId Name, string TrainFile, string EvalFile);

/// <summary>What the demo was asked for.</summary>
/// <param name="Silos">How many silos; null means all of the data folder, or four.</param>
/// <param name="Rounds">Rounds in place of the plan's; null keeps them.</param>
/// <param name="Plan">The plan's file; null means the sample plan.</param>
/// <param name="Data">A folder of silos' data; null means the sample.</param>
/// <param name="Base">The base model's folder; null means the sample.</param>
/// <param name="Out">The folder for everything that is left.</param>
/// <param name="Keep">Whether the federation keeps running until Ctrl-C.</param>
/// <param name="Alone">Whether each silo also trains alone, for comparison.</param>
/// <param name="Json">Whether one JSON document is printed.</param>
internal sealed record DemoOptions(int? Silos, int? Rounds, string? Plan, string? Data, string? Base, string Out, bool Keep, bool Alone, bool Json)
{
    private const string TrainSuffix = ".train.jsonl";

    /// <summary>The silos of the data folder, by name.</summary>
    /// <exception cref="FedCloudException"><c>file_missing</c>, <c>data_empty</c>, <c>id_malformed</c>, <c>request_malformed</c>.</exception>
    public IReadOnlyList<DemoData> FindData()
    {
        string folder = Path.GetFullPath(Data ?? Sample("data"));
        if (!Directory.Exists(folder))
        {
            throw new FedCloudException(ErrorCodes.FileMissing, "expected a folder with NAME.train.jsonl for each silo, found no folder", "check --data");
        }

        string shared = Path.Combine(folder, "eval.jsonl");
        List<DemoData> found = [];
        foreach (string train in Directory.GetFiles(folder, "*" + TrainSuffix).Order(StringComparer.Ordinal))
        {
            string name = Path.GetFileName(train)[..^TrainSuffix.Length];
            string own = Path.Combine(folder, name + ".eval.jsonl");
            string eval = File.Exists(own) ? own : shared;
            if (!File.Exists(eval))
            {
                throw new FedCloudException(ErrorCodes.FileMissing, $"expected {name}.eval.jsonl or eval.jsonl beside {name}.train.jsonl, found neither");
            }

            RequireLine(train);
            RequireLine(eval);
            found.Add(new DemoData(SiloId.Parse(name), train, eval));
        }

        int wanted = Silos ?? (Data is null ? 4 : found.Count);
        if (found.Count < 2)
        {
            throw new FedCloudException(ErrorCodes.DataEmpty, $"expected at least two files NAME.train.jsonl, found {found.Count}", "check --data");
        }

        return wanted >= 2 && wanted <= found.Count
            ? [.. found.Take(wanted)]
            : throw new FedCloudException(ErrorCodes.RequestMalformed, $"expected --silos from 2 to {found.Count} (the silos that have data), found {wanted}", "change --silos or add data");
    }

    /// <summary>The base model's folder.</summary>
    public string BaseFolder() => Path.GetFullPath(Base ?? Sample("base"));

    /// <summary>The plan's file.</summary>
    public string PlanFile() => Path.GetFullPath(Plan ?? Sample("demo.yaml"));

    private static string Sample(string name) => Path.Combine(AppContext.BaseDirectory, "samples", name);

    private static void RequireLine(string path)
    {
        if (!File.ReadLines(path).Any(line => !string.IsNullOrWhiteSpace(line)))
        {
            throw new FedCloudException(ErrorCodes.DataEmpty, $"{Path.GetFileName(path)}: expected at least one example, found none");
        }
    }
}
