// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Frozen;
using System.Reflection;

namespace FedCloud.Protocol.Errors;

/// <summary>Every error code that exists. Each capability lists its codes in a file of its own beside this one.</summary>
public static partial class ErrorCodes
{
    private static readonly Lazy<FrozenDictionary<string, ErrorCode>> ByName = new(Collect);

    /// <summary>All codes by name.</summary>
    public static FrozenDictionary<string, ErrorCode> All => ByName.Value;

    private static FrozenDictionary<string, ErrorCode> Collect() =>
        typeof(ErrorCodes)
            .GetProperties(BindingFlags.Public | BindingFlags.Static)
            .Where(property => property.PropertyType == typeof(ErrorCode))
            .Select(property => (ErrorCode)property.GetValue(null)!)
            .ToFrozenDictionary(code => code.Name, StringComparer.Ordinal);
}
