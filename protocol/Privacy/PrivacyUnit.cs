// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text.Json;
using System.Text.Json.Serialization;

namespace FedCloud.Protocol.Privacy;

/// <summary>What is protected as one, that is, what neighbouring data sets differ in; the weakest first.</summary>
[JsonConverter(typeof(PrivacyUnitJsonConverter))]
public enum PrivacyUnit
{
    /// <summary>One training record.</summary>
    Record,

    /// <summary>All records of one person in the silo, who are sampled and clipped together.</summary>
    Person,

    /// <summary>The silo's whole contribution.</summary>
    Silo,
}

/// <summary>Reads and writes a unit in lower case.</summary>
public sealed class PrivacyUnitJsonConverter() : JsonStringEnumConverter<PrivacyUnit>(JsonNamingPolicy.SnakeCaseLower, allowIntegerValues: false);
