// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Infra.Tests.Bicep;

/// <summary>A parameter.</summary>
public sealed record BicepParameter(string Name, string Type, bool IsRequired, bool IsSecure);

/// <summary>A resource. Its condition and its loop are taken off: the body is what is made, or looked up, each time.</summary>
public sealed record BicepResource(string Symbol, string Type, string Version, bool IsExisting, string? Condition, BicepObject Body, int Line);

/// <summary>A call of a module.</summary>
public sealed record BicepModule(string Symbol, string Path, string? Condition, BicepObject Body, int Line)
{
    public BicepObject Parameters => Body["params"] as BicepObject ?? new BicepObject(new Dictionary<string, BicepValue>(StringComparer.Ordinal), Line);
}

/// <summary>The declarations of one file.</summary>
public sealed class BicepFile
{
    public required string Path { get; init; }

    public required string Text { get; init; }

    public Dictionary<string, BicepParameter> Parameters { get; } = new(StringComparer.Ordinal);

    public Dictionary<string, BicepValue> Variables { get; } = new(StringComparer.Ordinal);

    public Dictionary<string, BicepValue> Outputs { get; } = new(StringComparer.Ordinal);

    public List<BicepResource> Resources { get; } = [];

    public List<BicepModule> Modules { get; } = [];

    /// <summary>All values of the file.</summary>
    public IEnumerable<BicepValue> Values() =>
        Resources.SelectMany(resource => resource.Body.All())
            .Concat(Modules.SelectMany(module => module.Body.All()))
            .Concat(Variables.Values.Concat(Outputs.Values).SelectMany(value => value.All()));
}
