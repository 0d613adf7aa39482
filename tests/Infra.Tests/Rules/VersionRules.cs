// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;
using System.Text.RegularExpressions;
using FedCloud.Infra.Tests.Bicep;

namespace FedCloud.Infra.Tests.Rules;

/// <summary>API versions are dates, and a type has one.</summary>
public static partial class VersionRules
{
    [GeneratedRegex("^(?<date>[0-9]{4}-[0-9]{2}-[0-9]{2})(-preview)?$", RegexOptions.NonBacktracking | RegexOptions.ExplicitCapture)]
    private static partial Regex WellFormed { get; }

    public static IEnumerable<string> Check(BicepTree tree)
    {
        var resources = tree.Files.SelectMany(file => file.Resources.Select(resource => (file.Path, Resource: resource))).ToList();
        foreach ((string path, BicepResource resource) in resources)
        {
            Match match = WellFormed.Match(resource.Version);
            if (!match.Success || !DateOnly.TryParseExact(match.Groups["date"].Value, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out _))
            {
                yield return $"{path}:{resource.Line} {resource.Symbol} has the API version '{resource.Version}'";
            }
        }

        foreach (var type in resources.GroupBy(found => found.Resource.Type, StringComparer.OrdinalIgnoreCase))
        {
            string[] versions = [.. type.Select(found => $"{found.Resource.Type}@{found.Resource.Version}").Distinct(StringComparer.Ordinal)];
            if (versions.Length > 1)
            {
                yield return $"one type, several spellings or versions: {string.Join(", ", versions)}";
            }
        }
    }
}
