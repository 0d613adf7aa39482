// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;

namespace FedCloud.Protocol.Adapters;

/// <summary>PEFT's <c>target_modules</c>: names or last parts of names, one regular expression for whole names, or <c>all-linear</c> for every linear module but the head.</summary>
/// <param name="Names">The names; empty for an expression.</param>
/// <param name="Expression">The expression, or <c>all-linear</c>; null for names.</param>
public sealed record PeftTargets(ImmutableArray<string> Names, string? Expression = null)
{
    /// <summary>Whether all linear modules but the head are meant.</summary>
    public bool IsAllLinear => string.Equals(Expression, "all-linear", StringComparison.OrdinalIgnoreCase);

    /// <summary>Whether a linear module of a layer is meant.</summary>
    /// <param name="module">Its full name.</param>
    public bool Match(string module) => IsAllLinear || Names.Any(name => ModulePattern.IsNamed(name, module)) || (Expression is { } expression && ModulePattern.IsWhole(expression, module));

    /// <summary>Whether a module that is no linear module of a layer is meant: the head or an embedding.</summary>
    /// <param name="module">Its full name.</param>
    public bool MatchOutside(string module) => !IsAllLinear && Match(module);
}
