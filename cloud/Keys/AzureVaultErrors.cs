// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;
using System.Text.Json;
using Azure;
using Azure.Identity;
using FedCloud.Protocol.Errors;

namespace FedCloud.Cloud.Keys;

/// <summary>What the vault's client throws, in our vocabulary.</summary>
internal static class AzureVaultErrors
{
    /// <summary>Whether the vault says that this version may not be used any more (or not yet).</summary>
    public static bool IsRetired(RequestFailedException error) =>
        error.Status == 403 && (InnerCodeOf(error) ?? error.ErrorCode) is "KeyDisabled" or "KeyExpired" or "KeyNotYetValid";

    /// <summary>Whether an error is the vault's or the way's, and not our own, such as the caller's cancellation.</summary>
    public static bool IsTrouble(Exception error, CancellationToken cancellation) =>
        error is RequestFailedException or AuthenticationFailedException or AggregateException or IOException or HttpRequestException
        || (error is OperationCanceledException && !cancellation.IsCancellationRequested);

    /// <summary>The error to throw instead.</summary>
    /// <param name="error">What the client threw.</param>
    /// <param name="right">The right that the request needs.</param>
    /// <param name="key">The key's name.</param>
    public static FedCloudException Of(Exception error, string right, string key) => error switch
    {
        RequestFailedException { Status: 401 or 403 } answered => new(ErrorCodes.VaultDenied, $"key {key}: expected the right to {right}, found {TextOf(answered)}", cause: error),
        RequestFailedException { Status: 408 or 429 or >= 500 } answered => new(ErrorCodes.VaultUnreachable, $"key {key}: found {TextOf(answered)} after several tries", cause: error),
        RequestFailedException { Status: not 0 } answered => new(ErrorCodes.VaultFailed, $"key {key}: expected to {right}, found {TextOf(answered)}", cause: error),
        AuthenticationFailedException => new(ErrorCodes.SignInFailed, $"key {key}: expected a token for the key vault, found none", cause: error),
        _ => new(ErrorCodes.VaultUnreachable, $"key {key}: no answer after several tries", cause: error),
    };

    private static string TextOf(RequestFailedException error)
    {
        string code = InnerCodeOf(error) ?? error.ErrorCode ?? "none";
        return string.Create(CultureInfo.InvariantCulture, $"{error.Status} {string.Concat(code.Take(60).Select(c => char.IsAsciiLetterOrDigit(c) ? c : '?'))}");
    }

    // {"error":{"code":"Forbidden","message":"…","innererror":{"code":"KeyDisabled"}}}: only the inner code tells a disabled key from a missing right.
    private static string? InnerCodeOf(RequestFailedException error)
    {
        try
        {
            if (error.GetRawResponse()?.Content is not { } content || content.ToMemory().IsEmpty)
            {
                return null;
            }

            using JsonDocument body = JsonDocument.Parse(content);
            return body.RootElement.TryGetProperty("error", out JsonElement outer)
                && (outer.TryGetProperty("innererror", out JsonElement inner) || outer.TryGetProperty("innerError", out inner))
                && inner.TryGetProperty("code", out JsonElement code)
                    ? code.GetString()
                    : null;
        }
        catch (Exception unreadable) when (unreadable is JsonException or InvalidOperationException)
        {
            // A proxy's page, or an answer whose body was not kept.
            return null;
        }
    }
}
