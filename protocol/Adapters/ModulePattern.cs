// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text.RegularExpressions;
using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.Adapters;

/// <summary>How PEFT finds modules by name (huggingface/peft 0.20: <c>get_pattern_key</c> and <c>match_target_against_key</c> in utils/other.py, <c>check_target_module_exists</c> in tuners/tuners_utils.py).</summary>
/// <remarks>Expressions come from foreign files, so each match has a second at most. Python's and .NET's expressions are the same as far as names of modules need them; one that .NET does not know is refused.</remarks>
public static class ModulePattern
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(1);

    /// <summary>The first key that matches the whole name, or its end after a dot; null when none does.</summary>
    /// <param name="keys">Regular expressions; a plain name is one of itself.</param>
    /// <param name="module">The module's full name.</param>
    /// <exception cref="FedCloudException"><c>adapter_unsupported</c>: a key is no expression, or takes too long.</exception>
    public static string? Key(IEnumerable<string> keys, string module) => keys.FirstOrDefault(key => IsMatch(key, @$"\A(.*\.)?({key})\z", module));

    /// <summary>Whether an expression matches a whole name.</summary>
    /// <param name="expression">The regular expression.</param>
    /// <param name="module">The module's full name.</param>
    /// <exception cref="FedCloudException"><c>adapter_unsupported</c>: it is no expression, or takes too long.</exception>
    public static bool IsWhole(string expression, string module) => IsMatch(expression, @$"\A(?:{expression})\z", module);

    /// <summary>Whether a name of a list names a module: as a whole, or its last parts.</summary>
    public static bool IsNamed(string name, string module)
    {
        ArgumentNullException.ThrowIfNull(module);
        return string.Equals(module, name, StringComparison.Ordinal) || module.EndsWith("." + name, StringComparison.Ordinal);
    }

    private static bool IsMatch(string written, string expression, string module)
    {
        try
        {
            // By itself first: what is put around it must not complete it.
            _ = new Regex(written, RegexOptions.CultureInvariant, Limit);
            return Regex.IsMatch(module, expression, RegexOptions.CultureInvariant, Limit);
        }
        catch (ArgumentException error)
        {
            throw Unusable(written, "which is no expression of .NET", error);
        }
        catch (RegexMatchTimeoutException error)
        {
            throw Unusable(written, "which takes longer than a second", error);
        }
    }

    private static FedCloudException Unusable(string expression, string why, Exception cause) =>
        new(ErrorCodes.AdapterUnsupported, $"expected an expression for names of modules, found '{new string([.. expression.Take(80).Select(c => c is >= ' ' and <= '~' ? c : '?')])}', {why}", "write the names of the modules as a list", cause);
}
