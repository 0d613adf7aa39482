// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;

namespace FedCloud.Cloud.Blobs;

/// <summary>Service shared access signatures for one container.</summary>
public static class BlobSas
{
    /// <summary>Create only: no read, list, delete, overwrite or staged blocks.</summary>
    public const string Create = "c";

    /// <summary>Read only.</summary>
    public const string Read = "r";

    /// <summary>A silo's own mailbox: read, write (which leasing needs), delete, list.</summary>
    public const string Mailbox = "rwdl";

    /// <summary>Read and list.</summary>
    public const string ReadList = "rl";

    /// <summary>Makes a signature ("Create a service SAS", version 2020-12-06 and later; learn.microsoft.com).</summary>
    /// <param name="key">The account key.</param>
    /// <param name="container">The container.</param>
    /// <param name="permissions">The permissions, in the order that the service asks for.</param>
    /// <param name="expiry">When it ends.</param>
    /// <param name="start">When it begins; null means at once, whatever the holder's clock says.</param>
    /// <param name="httpsOnly">Whether plain HTTP is refused; false suits only an emulator on loopback.</param>
    /// <returns>The query string, without a question mark.</returns>
    public static string ForContainer(SharedKeyCredential key, string container, string permissions, DateTimeOffset expiry, DateTimeOffset? start = null, bool httpsOnly = false)
    {
        ArgumentNullException.ThrowIfNull(key);
        string begin = start is { } given ? Time(given) : string.Empty;
        string end = Time(expiry);
        string protocols = httpsOnly ? "https" : "https,http";

        // Empty: stored policy, IP range; after the resource type: snapshot, encryption scope, and five response headers.
        string text = string.Join(
            '\n',
            [permissions, begin, end, $"/blob/{key.Account}/{container}", string.Empty, string.Empty, protocols, RestBlobStore.ApiVersion, "c", .. Enumerable.Repeat(string.Empty, 7)]);
        return $"sv={RestBlobStore.ApiVersion}&spr={Uri.EscapeDataString(protocols)}"
            + (begin.Length == 0 ? string.Empty : $"&st={Uri.EscapeDataString(begin)}")
            + $"&se={Uri.EscapeDataString(end)}&sr=c&sp={permissions}&sig={Uri.EscapeDataString(key.Sign(text))}";
    }

    private static string Time(DateTimeOffset time) => time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
}
