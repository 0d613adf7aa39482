// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Infra.Tests.Bicep;

/// <summary>A main file with all modules that it reaches, and what else lies beside it.</summary>
public sealed class BicepTree
{
    private readonly Dictionary<string, string> _texts;
    private readonly Dictionary<string, BicepFile> _files;

    private BicepTree(Dictionary<string, string> texts)
    {
        _texts = texts;
        _files = texts.Where(text => text.Key.EndsWith(".bicep", StringComparison.Ordinal))
            .ToDictionary(text => text.Key, text => BicepParser.Parse(text.Key, text.Value), StringComparer.Ordinal);
    }

    public BicepFile Main => _files["main.bicep"];

    public IEnumerable<BicepFile> Files => _files.Values;

    /// <summary>A tree of texts by path: main.bicep, modules/queue.bicep, main.parameters.json, …</summary>
    public static BicepTree Of(params (string Path, string Text)[] texts) =>
        new(texts.ToDictionary(text => text.Path, text => text.Text, StringComparer.Ordinal));

    /// <summary>The repository's own.</summary>
    public static BicepTree OfRepository() => new(
        Directory.EnumerateFiles(Repository.Path("infra"), "*", SearchOption.AllDirectories)
            .Where(path => System.IO.Path.GetExtension(path) is ".bicep" or ".json")
            .ToDictionary(path => System.IO.Path.GetRelativePath(Repository.Path("infra"), path).Replace('\\', '/'), File.ReadAllText, StringComparer.Ordinal));

    /// <summary>The text of a file beside the Bicep.</summary>
    public string Text(string path) => _texts[path];

    /// <summary>The file that a module names, or null where there is none.</summary>
    public BicepFile? Target(BicepFile from, BicepModule module) => _files.GetValueOrDefault(Resolve(from.Path, module.Path));

    /// <summary>The files that main reaches through modules and imports.</summary>
    public IReadOnlySet<string> Reached()
    {
        HashSet<string> reached = new(StringComparer.Ordinal);
        Stack<BicepFile> open = new([Main]);
        while (open.TryPop(out BicepFile? file))
        {
            if (reached.Add(file.Path))
            {
                foreach (BicepFile target in file.Modules.Select(module => Target(file, module)).OfType<BicepFile>())
                {
                    open.Push(target);
                }
            }
        }

        return reached;
    }

    private static string Resolve(string from, string path)
    {
        Stack<string> parts = new(from.Split('/')[..^1]);
        foreach (string part in path.Split('/'))
        {
            if (part == "..")
            {
                parts.TryPop(out _);
            }
            else if (part != ".")
            {
                parts.Push(part);
            }
        }

        return string.Join('/', parts.Reverse());
    }
}
