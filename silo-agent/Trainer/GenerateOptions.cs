// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;

namespace FedCloud.Trainer;

/// <summary>What <c>fedcloud-trainer generate</c> is asked for.</summary>
/// <param name="Base">The base model's folder.</param>
/// <param name="Prompt">The text to continue; a newline follows it, as in training.</param>
/// <param name="Adapter">A folder with adapter_config.json and adapter_model.safetensors; null for the base model alone.</param>
/// <param name="MaxTokens">The most tokens to add.</param>
internal sealed record GenerateOptions(string Base, string Prompt, string? Adapter, int MaxTokens)
{
    private const int DefaultMaxTokens = 64;

    /// <summary>Reads <c>--name value</c> pairs; null when they do not make sense.</summary>
    public static GenerateOptions? Parse(string[] arguments)
    {
        Dictionary<string, string> values = new(StringComparer.Ordinal);
        for (int i = 0; i < arguments.Length; i += 2)
        {
            bool known = arguments[i] is "--base" or "--prompt" or "--adapter" or "--max-tokens";
            if (!known || i + 1 == arguments.Length || !values.TryAdd(arguments[i], arguments[i + 1]))
            {
                return null;
            }
        }

        int tokens = DefaultMaxTokens;
        bool usable = !values.TryGetValue("--max-tokens", out string? text)
            || (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out tokens) && tokens >= 1);
        return usable && values.TryGetValue("--base", out string? model) && values.TryGetValue("--prompt", out string? prompt)
            ? new GenerateOptions(model, prompt, values.GetValueOrDefault("--adapter"), tokens)
            : null;
    }
}
