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
    public const string Mailbox = "rcwdl";

    /// <summary>Read and list.</summary>
    public const string ReadList = "rl";

    /// <summary>Makes a signature ("Create a service SAS", version 2020-12-06 and later; learn.microsoft.com).</summary>
    /// <param name="key">The account key.</param>
    /// <param name="container">The container.</param>
    /// <param name="permissions">The permissions, in the order that the service asks for.</param>
    /// <param name="expiry">When it ends.</param>
    /// <returns>The query string, without a question mark.</returns>
    public static string ForContainer(SharedKeyCredential key, string container, string permissions, DateTimeOffset expiry)
    {
        ArgumentNullException.ThrowIfNull(key);
        string end = expiry.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);
        const string Protocols = "https,http";
        string text = string.Join(
            '\n',
            permissions,
            string.Empty,
            end,
            $"/blob/{key.Account}/{container}",
            string.Empty,
            string.Empty,
            Protocols,
            RestBlobStore.ApiVersion,
            "c",
            string.Empty,
            string.Empty,
            string.Empty,
            string.Empty,
            string.Empty,
            string.Empty,
            string.Empty);
        return $"sv={RestBlobStore.ApiVersion}&spr={Uri.EscapeDataString(Protocols)}&se={Uri.EscapeDataString(end)}&sr=c&sp={permissions}&sig={Uri.EscapeDataString(key.Sign(text))}";
    }
}
