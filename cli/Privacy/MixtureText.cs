// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Globalization;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Privacy;

namespace FedCloud.Cli.Privacy;

/// <summary>A mixture of Gaussians as typed: MEAN:WEIGHT, commas between.</summary>
internal static class MixtureText
{
    /// <summary>The components; the pair that takes them checks means and weights.</summary>
    /// <exception cref="FedCloudException">A part has another form: <c>request_malformed</c>.</exception>
    public static ImmutableArray<GaussianComponent> Parse(string text) => [.. text.Split(',').Select(Component)];

    private static GaussianComponent Component(string part)
    {
        string[] numbers = part.Split(':');
        return numbers.Length == 2 && Number(numbers[0], out double mean) && Number(numbers[1], out double weight)
            ? new GaussianComponent(mean, weight)
            : throw new FedCloudException(ErrorCodes.RequestMalformed, $"expected --components as MEAN:WEIGHT with commas between, found '{part}'", "write for example --components 0:0.96,1:0.04");
    }

    private static bool Number(string text, out double value) => double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out value);
}
