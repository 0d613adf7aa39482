// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text.Json;
using System.Text.Json.Serialization;

namespace FedCloud.Cli.Demo;

/// <summary>A silo's fingerprints as its agent prints them.</summary>
internal sealed record Fingerprints(string SiloId, string IkSpkiSha256, string WitnessSpkiSha256, string AdminSpkiSha256, string CoordinatorSpkiSha256);

/// <summary>JSON between the demo and the agents' command line.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(Fingerprints))]
internal sealed partial class DemoJson : JsonSerializerContext;

/// <summary>The policy that the demo's administrators sign: plain mode allowed (two silos need it), the evaluation loss disclosed, the other silos' fingerprints confirmed.</summary>
internal static class DemoPolicy
{
    /// <summary>The policy's file.</summary>
    public static byte[] Of(DemoData silo, IReadOnlyList<Fingerprints> members, int maxRounds)
    {
        using MemoryStream output = new();
        using (Utf8JsonWriter json = new(output, new JsonWriterOptions { Indented = true }))
        {
            json.WriteStartObject();
            json.WriteNumber("v", 1);
            json.WriteString("federation", "demo-federation");
            json.WriteString("silo_id", silo.Name.Value);
            json.WriteString("train_file", silo.TrainFile);
            json.WriteString("eval_file", silo.EvalFile);
            json.WriteBoolean("public_data", true);
            json.WriteStartArray("base_models");
            json.WriteEndArray();
            json.WriteBoolean("allow_plain_mode", true);
            json.WriteNumber("max_rounds", maxRounds);
            json.WriteNumber("max_local_steps", 100_000);
            json.WriteNumber("min_quorum", 2);
            json.WriteNumber("from_hour", 0);
            json.WriteNumber("until_hour", 24);
            json.WriteNumber("declared_weight", File.ReadLines(silo.TrainFile).Count(line => line.Length > 0));
            json.WriteNumber("threads", 1);
            json.WriteNumber("max_memory_mib", 0);
            json.WriteBoolean("disclose_eval_loss", true);
            json.WriteStartArray("confirmed_members");
            foreach (Fingerprints member in members)
            {
                json.WriteStartObject();
                json.WriteString("silo_id", member.SiloId);
                json.WriteString("ik_spki_sha256", member.IkSpkiSha256);
                json.WriteString("witness_spki_sha256", member.WitnessSpkiSha256);
                json.WriteString("admin_spki_sha256", member.AdminSpkiSha256);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        }

        return output.ToArray();
    }
}
