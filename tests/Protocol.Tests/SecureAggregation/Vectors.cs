// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text.Json.Nodes;
using FedCloud.Protocol.Tests.Errors;

namespace FedCloud.Protocol.Tests.SecureAggregation;

/// <summary>The frozen files of tests/vectors.</summary>
internal static class Vectors
{
    public static byte[] Read(string name) => File.ReadAllBytes(Path.Combine(ErrorCodesTests.Root(), "tests", "vectors", name));

    public static JsonNode Primitives() => JsonNode.Parse(Read("secagg_primitives.json"))!;

    public static JsonArray Transcripts() => JsonNode.Parse(Read("secagg_fcsa1_kat.json"))!.AsArray();

    public static byte[] Hex(JsonNode? node) => Convert.FromHexString(node!.GetValue<string>());
}
