// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Safetensors;
using FedCloud.Training.Merging;

namespace FedCloud.Trainer;

/// <summary><c>fedcloud-trainer merge</c>: base model and adapter become one folder that needs no PEFT.</summary>
internal static class MergeCommand
{
    /// <summary>Merges, and says what was checked.</summary>
    /// <exception cref="FedCloudException">What is wrong with base model, adapter or folder.</exception>
    public static int Run(MergeRequest request)
    {
        MergeOutcome outcome = AdapterMerge.Run(request);
        Console.WriteLine($"Merged the adapter's {outcome.Modules} modules into {request.Output}.");
        Console.WriteLine(outcome.BaseIsChecked
            ? "The base model has the digest that the adapter names."
            : $"The adapter names {(outcome.BaseModelName is { } name ? $"the base model '{Printable(name)}'" : "no base model")}, not a digest: only shapes could be checked.");
        return (int)ExitCode.Done;
    }

    /// <summary>Reads <c>--name value</c> pairs; null when they do not make sense.</summary>
    public static MergeRequest? Parse(string[] arguments)
    {
        Dictionary<string, string> values = new(StringComparer.Ordinal);
        for (int i = 0; i < arguments.Length; i += 2)
        {
            bool known = arguments[i] is "--base" or "--adapter" or "--out" or "--dtype";
            if (!known || i + 1 == arguments.Length || !values.TryAdd(arguments[i], arguments[i + 1]))
            {
                return null;
            }
        }

        (bool isKnown, TensorType? type) = values.GetValueOrDefault("--dtype", "keep") switch
        {
            "keep" => (true, (TensorType?)null),
            "f32" => (true, TensorType.F32),
            "bf16" => (true, TensorType.BF16),
            "f16" => (true, TensorType.F16),
            _ => (false, null),
        };
        return isKnown && values.TryGetValue("--base", out string? model) && values.TryGetValue("--adapter", out string? adapter) && values.TryGetValue("--out", out string? output)
            ? new MergeRequest(model, adapter, output, type)
            : null;
    }

    private static string Printable(string text) => new([.. text.Take(80).Select(letter => letter is >= ' ' and <= '~' ? letter : '?')]);
}
