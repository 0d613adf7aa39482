// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Privacy;

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
    // A limit that one such run does not use up, so that there is something left to show.
    private const decimal RunsInBudget = 1.5m;

    /// <summary>The policy's file.</summary>
    /// <param name="silo">The silo.</param>
    /// <param name="members">The fingerprints of all silos.</param>
    /// <param name="plan">The plan that the demo runs.</param>
    public static byte[] Of(DemoData silo, IReadOnlyList<Fingerprints> members, RunConfig plan)
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
            json.WriteNumber("max_rounds", plan.Rounds);
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
            if (plan.Privacy.IsClaimed)
            {
                WriteBudget(json, silo, plan);
            }

            json.WriteEndObject();
        }

        return output.ToArray();
    }

    private static void WriteBudget(Utf8JsonWriter json, DemoData silo, RunConfig plan)
    {
        bool isPerson = plan.Privacy.Unit == PrivacyUnit.Person;
        long records = File.ReadLines(silo.TrainFile).Count(line => line.Length > 0);
        long? persons = isPerson ? PersonsIn(silo) : null;
        decimal needed = ClaimAccount.Of(plan, persons ?? records).LedgerEpsilon();
        json.WriteStartObject("ledger");
        json.WriteString("dataset_uid", silo.Name.Value);
        json.WriteNumber("records", records);
        if (persons is { } count)
        {
            json.WriteNumber("persons", count);
        }

        json.WriteString("epsilon_max", DecimalString.Format(Math.Ceiling(needed * RunsInBudget)));
        json.WriteString("delta_max", DecimalString.Format(plan.Privacy.Delta));
        json.WriteString("unit", isPerson ? "person" : plan.Privacy.Unit == PrivacyUnit.Silo ? "silo" : "record");
        json.WriteEndObject();
    }

    // A person without a name is the trainer's to refuse, with the line.
    private static long PersonsIn(DemoData silo) => Math.Max(1, File.ReadLines(silo.TrainFile)
        .Where(line => line.Length > 0)
        .Select(line => JsonNode.Parse(line)?["person"]?.ToString())
        .Distinct(StringComparer.Ordinal)
        .Count());
}
