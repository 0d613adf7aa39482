// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text.Json;
using FedCloud.Protocol.Tests.Errors;

namespace FedCloud.Protocol.Tests.Audit;

/// <summary>The frozen files of tests/vectors.</summary>
internal static class AuditVectors
{
    public static JsonElement Read(string name)
    {
        using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(ErrorCodesTests.Root(), "tests", "vectors", name)));
        return document.RootElement.Clone();
    }
}
