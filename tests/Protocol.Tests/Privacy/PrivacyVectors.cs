// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;
using System.Text.Json;
using FedCloud.Protocol.Tests.Errors;
using Xunit;

namespace FedCloud.Protocol.Tests.Privacy;

/// <summary>The frozen files of tests/vectors/privacy.</summary>
internal static class PrivacyVectors
{
    private static readonly Lazy<Dictionary<string, JsonElement>> UpstreamById = new(() =>
        Read("dp_upstream.json").GetProperty("vectors").EnumerateArray().ToDictionary(vector => vector.GetProperty("id").GetString()!, StringComparer.Ordinal));

    private static readonly Lazy<JsonElement> SgdFile = new(() => Read("dp_sgd_generated.json"));

    private static readonly Lazy<JsonElement> DistributedFile = new(() => Read("dp_distributed_and_exact.json"));

    internal static IEnumerable<JsonElement> DpSgd => SgdFile.Value.GetProperty("vectors").EnumerateArray();

    internal static JsonElement Upstream(string id) => UpstreamById.Value[id];

    internal static IEnumerable<string> UpstreamIds => UpstreamById.Value.Keys;

    internal static IEnumerable<JsonElement> Distributed(string kind) => DistributedFile.Value.GetProperty(kind).EnumerateArray();

    internal static double Number(this JsonElement element, string name)
    {
        JsonElement value = element.GetProperty(name);
        return value.ValueKind == JsonValueKind.String ? double.Parse(value.GetString()!, CultureInfo.InvariantCulture) : value.GetDouble();
    }

    internal static void Meets(this JsonElement vector, double found)
    {
        double expected = vector.Number("value");
        double tolerance = vector.TryGetProperty("tol", out JsonElement tol) ? tol.GetDouble() : vector.Number("rtol") * Math.Abs(expected);
        Close(expected, found, tolerance);
    }

    internal static void Close(double expected, double found, double tolerance) =>
        Assert.True(Math.Abs(found - expected) <= tolerance, $"expected {expected:R} within {tolerance:R}, found {found:R}");

    internal static void CloseRelative(double expected, double found, double tolerance) => Close(expected, found, tolerance * Math.Abs(expected));

    private static JsonElement Read(string name)
    {
        using JsonDocument document = JsonDocument.Parse(File.ReadAllText(Path.Combine(ErrorCodesTests.Root(), "tests", "vectors", "privacy", name)));
        return document.RootElement.Clone();
    }
}
