// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Protocol.Errors;

/// <summary>An error that a person can act on: a stable code, what was expected and found, and the next step.</summary>
/// <remarks>
/// The message is one line and safe to show and to log: it never holds record contents, tensors, keys or tokens.
/// Expected protocol outcomes (a dropout, a refusal) are values, not exceptions.
/// </remarks>
public sealed class FedCloudException : Exception
{
    /// <summary>Makes an error.</summary>
    /// <param name="code">The stable code.</param>
    /// <param name="found">What was expected and found, as one sentence fragment without a final full stop.</param>
    /// <param name="nextStep">What to do next, where this place knows better than the code's default.</param>
    /// <param name="cause">The error beneath, kept for logs at debug level only.</param>
    public FedCloudException(ErrorCode code, string found, string? nextStep = null, Exception? cause = null)
        : base(Line(code, found, nextStep), cause)
    {
        Code = code;
        Found = found;
        NextStep = nextStep ?? code.NextStep;
    }

    /// <summary>The stable code.</summary>
    public ErrorCode Code { get; }

    /// <summary>What was expected and found.</summary>
    public string Found { get; }

    /// <summary>What to do next.</summary>
    public string NextStep { get; }

    private static string Line(ErrorCode code, string found, string? nextStep)
    {
        ArgumentNullException.ThrowIfNull(code);
        return OneLine($"{code.Name}: {found}. Next: {nextStep ?? code.NextStep}.");
    }

    private static string OneLine(string text) => text.ReplaceLineEndings(" ");
}
