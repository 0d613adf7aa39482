// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text.Json;
using System.Text.Json.Serialization;
using FedCloud.Training.Examples;

namespace FedCloud.Training.Tests.Decoders;

/// <summary>Reads the vectors' examples, which have a prompt and a completion.</summary>
internal sealed class ExampleJson : JsonConverter<Example>
{
    public override Example Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options)
    {
        Fields fields = JsonSerializer.Deserialize<Fields>(ref reader, options)!;
        return new Example(fields.Tokens, fields.PromptLength);
    }

    public override void Write(Utf8JsonWriter writer, Example value, JsonSerializerOptions options) => throw new NotSupportedException();

    private sealed record Fields(int[] Tokens, int PromptLength);
}
