// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.Plans;

/// <summary>One thing that is wrong with a plan.</summary>
/// <param name="Line">The line, from 1; 0 where there is none.</param>
/// <param name="Code">The code.</param>
/// <param name="Found">What was expected and found.</param>
public sealed record PlanProblem(int Line, ErrorCode Code, string Found)
{
    /// <summary>The problem as one line, with its place.</summary>
    public override string ToString() =>
        Line == 0 ? Found : string.Create(CultureInfo.InvariantCulture, $"line {Line}: {Found}");
}

/// <summary>What reading a plan came to: a configuration, or everything that is wrong.</summary>
/// <param name="Config">The configuration; null when there are problems.</param>
/// <param name="Problems">The problems, by line.</param>
/// <param name="Written">The paths that the plan itself sets; all others are defaults.</param>
public sealed record PlanReading(RunConfig? Config, ImmutableArray<PlanProblem> Problems, ImmutableHashSet<string> Written);

/// <summary>Reads a plan strictly: every field known, once, of its type and within its bounds; then the combination.</summary>
public static class PlanReader
{
    /// <summary>Reads a plan.</summary>
    /// <param name="plan">The tree as written.</param>
    /// <param name="filledIn">Values for fields that a command fills in when the plan leaves them out: <c>job</c>, <c>federation</c>, <c>base_model</c>.</param>
    /// <param name="silos">The roster's size, which the combination must fit too; null when it is not known yet.</param>
    public static PlanReading Read(PlanNode plan, IReadOnlyDictionary<string, string> filledIn, int? silos = null)
    {
        List<PlanProblem> problems = [];
        Dictionary<string, PlanNode> written = new(StringComparer.Ordinal);
        Flatten(plan, string.Empty, written, problems);
        JsonObject config = [];
        foreach (PlanField field in PlanSchema.Fields)
        {
            PlanSchema.Set(config, field.Path, ValueOf(field, written, filledIn, problems));
        }

        RunConfig? read = problems.Count == 0 ? Deserialize(config) : null;
        if (read is not null)
        {
            IEnumerable<PlanRefusal> refusals = silos is { } size ? CompatibilityMatrix.RefusalsFor(read, size) : CompatibilityMatrix.Refusals(read);
            problems.AddRange(refusals.Select(refusal => new PlanProblem(LineOf(written, refusal), refusal.Code, refusal.Reason)));
        }

        return new PlanReading(problems.Count == 0 ? read : null, [.. problems.OrderBy(problem => problem.Line)], [.. written.Keys]);
    }

    /// <summary>Throws the first problem, and says how many there are.</summary>
    /// <exception cref="FedCloudException">The problem's code.</exception>
    public static RunConfig Require(PlanReading reading)
    {
        ArgumentNullException.ThrowIfNull(reading);
        if (reading.Config is { } config)
        {
            return config;
        }

        PlanProblem first = reading.Problems[0];
        string more = reading.Problems.Length > 1 ? $" (and {reading.Problems.Length - 1} more; 'fedcloud plan validate' lists all)" : string.Empty;
        throw new FedCloudException(first.Code, first + more);
    }

    private static void Flatten(PlanNode node, string path, Dictionary<string, PlanNode> written, List<PlanProblem> problems)
    {
        if (node is not PlanMapping mapping)
        {
            problems.Add(new(node.Line, ErrorCodes.PlanInvalidValue, $"{(path.Length == 0 ? "the plan" : path)}: expected fields, found another form"));
            return;
        }

        HashSet<string> seen = new(StringComparer.Ordinal);
        foreach (PlanEntry entry in mapping.Entries)
        {
            string full = path.Length == 0 ? entry.Name : path + "." + entry.Name;
            if (!seen.Add(entry.Name))
            {
                problems.Add(new(entry.Line, ErrorCodes.PlanInvalidValue, $"{Show(full)} is given twice"));
            }
            else if (PlanSchema.Fields.Any(field => string.Equals(field.Path, full, StringComparison.Ordinal)))
            {
                written[full] = entry.Value;
            }
            else if (string.Equals(full, PlanSchema.Privacy, StringComparison.Ordinal) && entry.Value is PlanScalar)
            {
                written[PlanSchema.Claim] = entry.Value;
            }
            else if (PlanSchema.Fields.Any(field => field.Path.StartsWith(full + ".", StringComparison.Ordinal)))
            {
                Flatten(entry.Value, full, written, problems);
            }
            else if (PlanSchema.RefusedFields.TryGetValue(full, out string? asked))
            {
                problems.Add(new(entry.Line, ErrorCodes.AlgorithmUnavailable, $"{full}: {asked} are not part of this version"));
            }
            else
            {
                problems.Add(new(entry.Line, ErrorCodes.PlanUnknownField, $"there is no field {Show(full)}; the nearest is {Nearest(full)}"));
            }
        }
    }

    private static JsonNode? ValueOf(PlanField field, Dictionary<string, PlanNode> written, IReadOnlyDictionary<string, string> filledIn, List<PlanProblem> problems)
    {
        if (!written.TryGetValue(field.Path, out PlanNode? node))
        {
            return Implied(field, written) is { } word ? field.Type.FromText(word) : Absent(field, filledIn, problems);
        }

        string? text = node switch
        {
            PlanScalar scalar => scalar.Text,
            PlanSequence list when field.Type is ModuleNamesType && list.Items.All(item => item is PlanScalar) => string.Join(',', list.Items.Select(item => ((PlanScalar)item).Text)),
            _ when field.Type is OptionalType { Of: ModulePatternType } => ModulePatternType.TextOf(node),
            _ => null,
        };
        if (Refused(field, node, text, written) is { } refused)
        {
            problems.Add(refused);
            return null;
        }

        JsonNode? value = text is null ? null : field.Type.FromText(text);
        if (value is null)
        {
            string unit = field.Unit.Length == 0 ? string.Empty : $" ({field.Unit})";
            problems.Add(new(node.Line, ErrorCodes.PlanInvalidValue, $"{field.Path}: expected {field.Type.Describe()}{unit}, found {(text is null ? "another form" : Show(text))}"));
        }

        return value;
    }

    // Whoever sets an epsilon wants it kept; and a claim about silos is about silos.
    private static string? Implied(PlanField field, Dictionary<string, PlanNode> written) => field.Path switch
    {
        PlanSchema.Claim when written.Keys.Any(path => path.StartsWith(PlanSchema.Privacy + ".", StringComparison.Ordinal)) => "example",
        PlanSchema.Unit when written.TryGetValue(PlanSchema.Claim, out PlanNode? claim) && claim is PlanScalar { Text: "silo" } => "silo",
        _ => null,
    };

    private static JsonNode? Absent(PlanField field, IReadOnlyDictionary<string, string> filledIn, List<PlanProblem> problems)
    {
        string? text = filledIn.TryGetValue(field.Path, out string? given) ? given : field.Default;
        if (text is not null)
        {
            return field.Type.FromText(text) ?? throw new InvalidOperationException($"the value filled in for {field.Path} is outside its own bounds");
        }

        if (!field.Type.MayBeAbsent)
        {
            problems.Add(new(0, ErrorCodes.PlanInvalidValue, $"{field.Path} is missing: expected {field.Type.Describe()}"));
        }

        return null;
    }

    // Words and forms that are understood, and refused for a better reason than "not in the list".
    private static PlanProblem? Refused(PlanField field, PlanNode node, string? text, Dictionary<string, PlanNode> written)
    {
        if (field.Type is ChoiceType choice && text is not null && choice.Known.Contains(text, StringComparer.Ordinal))
        {
            PlanRefusal refusal = CompatibilityMatrix.RefusalOf(field.Path, text, IsSecure(written));
            return new(node.Line, refusal.Code, refusal.Reason);
        }

        return null;
    }

    private static bool IsSecure(Dictionary<string, PlanNode> written)
    {
        string? mode = written.TryGetValue(PlanSchema.Mode, out PlanNode? node)
            ? (node as PlanScalar)?.Text
            : PlanSchema.Fields.Single(field => string.Equals(field.Path, PlanSchema.Mode, StringComparison.Ordinal)).Default;
        return string.Equals(mode, "secure", StringComparison.Ordinal);
    }

    private static RunConfig Deserialize(JsonObject config) =>
        JsonSerializer.Deserialize(Jcs.Canonicalize(JsonSerializer.SerializeToUtf8Bytes(config, PlanTreeJson.Default.JsonObject)), RunConfigJson.Default.RunConfig)
        ?? throw new InvalidOperationException("a complete plan is a configuration");

    private static int LineOf(Dictionary<string, PlanNode> written, PlanRefusal refusal) =>
        written.TryGetValue(refusal.Field, out PlanNode? node) || written.TryGetValue(refusal.Beside ?? string.Empty, out node) ? node.Line : 0;

    private static string Nearest(string path) =>
        PlanSchema.Fields.MinBy(field => Distance(path, field.Path))?.Path ?? string.Empty;

    // Levenshtein 1966, one row at a time.
    private static int Distance(string a, string b)
    {
        int[] row = [.. Enumerable.Range(0, b.Length + 1)];
        for (int i = 1; i <= a.Length; i++)
        {
            int diagonal = row[0];
            row[0] = i;
            for (int j = 1; j <= b.Length; j++)
            {
                int above = row[j];
                row[j] = Math.Min(Math.Min(row[j] + 1, row[j - 1] + 1), diagonal + (a[i - 1] == b[j - 1] ? 0 : 1));
                diagonal = above;
            }
        }

        return row[b.Length];
    }

    private static string Show(string text) =>
        "'" + string.Concat(text.Take(60).Select(c => c is >= ' ' and <= '~' ? c : '?')) + (text.Length > 60 ? "…'" : "'");
}

/// <summary>JSON of the intermediate tree.</summary>
[System.Text.Json.Serialization.JsonSerializable(typeof(JsonObject))]
internal sealed partial class PlanTreeJson : System.Text.Json.Serialization.JsonSerializerContext;
