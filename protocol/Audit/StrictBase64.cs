// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Protocol.Audit;

/// <summary>Standard base64 (RFC 4648, section 4) of which only the one canonical text is read.</summary>
/// <remarks>The base library skips white space and ignores the unused bits of the last digit; both would give one note two texts.</remarks>
internal static class StrictBase64
{
    /// <summary>Decodes the canonical text.</summary>
    public static bool TryDecode(string text, out byte[] bytes)
    {
        byte[] buffer = new byte[(text.Length / 4 * 3) + 3];
        if (Convert.TryFromBase64String(text, buffer, out int length))
        {
            bytes = buffer[..length];
            return string.Equals(Convert.ToBase64String(bytes), text, StringComparison.Ordinal);
        }

        bytes = [];
        return false;
    }
}
