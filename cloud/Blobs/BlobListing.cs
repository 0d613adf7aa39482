// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.ObjectModel;
using System.Globalization;
using System.Xml;
using FedCloud.Protocol.Errors;

namespace FedCloud.Cloud.Blobs;

/// <summary>The XML of a blob listing ("List Blobs", learn.microsoft.com).</summary>
internal static class BlobListing
{
    // A page has at most 5,000 blobs; names, properties and metadata of ours stay far below this.
    private const long MaxCharacters = 64 << 20;

    private static readonly XmlReaderSettings Settings = new()
    {
        Async = true,
        DtdProcessing = DtdProcessing.Prohibit,
        XmlResolver = null,
        MaxCharactersInDocument = MaxCharacters,
        IgnoreWhitespace = true,
    };

    /// <summary>Reads one page.</summary>
    /// <param name="body">The XML.</param>
    /// <param name="items">Takes the page's blobs.</param>
    /// <returns>The marker of the next page; empty at the end.</returns>
    /// <exception cref="FedCloudException"><c>storage_failed</c>: the text is no listing.</exception>
    public static async Task<string> ReadAsync(Stream body, List<BlobItem> items)
    {
        try
        {
            using XmlReader xml = XmlReader.Create(body, Settings);
            string marker = string.Empty;
            while (await xml.ReadAsync())
            {
                if (xml.NodeType == XmlNodeType.Element && xml is { Depth: 1, Name: "NextMarker" })
                {
                    marker = await TextAsync(xml);
                }
                else if (xml.NodeType == XmlNodeType.Element && xml is { Depth: 2, Name: "Blob" })
                {
                    items.Add(await ReadBlobAsync(xml));
                }
            }

            return marker;
        }
        catch (Exception error) when (error is XmlException or FormatException or OverflowException)
        {
            throw new FedCloudException(ErrorCodes.StorageFailed, "expected a list of blobs, found another answer", cause: error);
        }
    }

    // <Blob><Name/><Properties><Last-Modified/><Content-Length/><LeaseState/>…</Properties><Metadata><key>value</key>…</Metadata></Blob>
    private static async Task<BlobItem> ReadBlobAsync(XmlReader xml)
    {
        BlobItem item = new(string.Empty, 0, default, Leased: false);
        Dictionary<string, string>? metadata = null;
        string section = string.Empty;
        while (await xml.ReadAsync() && xml.Depth > 2)
        {
            if (xml.NodeType != XmlNodeType.Element)
            {
                continue;
            }

            string name = xml.Name;
            switch (xml.Depth, section)
            {
                case (3, _) when name is "Name":
                    item = item with { Path = await TextAsync(xml) };
                    break;
                case (3, _):
                    section = name;
                    break;
                case (4, "Properties"):
                    item = WithProperty(item, name, await TextAsync(xml));
                    break;
                case (4, "Metadata"):
                    metadata ??= new Dictionary<string, string>(StringComparer.Ordinal);
                    metadata[name.ToLowerInvariant()] = await TextAsync(xml);
                    break;
            }
        }

        return metadata is null ? item : item with { Metadata = new ReadOnlyDictionary<string, string>(metadata) };
    }

    private static BlobItem WithProperty(BlobItem item, string name, string text) => name switch
    {
        "Content-Length" => item with { Length = long.Parse(text, NumberStyles.None, CultureInfo.InvariantCulture) },
        "Last-Modified" => item with { LastModified = DateTimeOffset.Parse(text, CultureInfo.InvariantCulture) },
        "LeaseState" => item with { Leased = text is "leased" or "breaking" },
        _ => item,
    };

    // Leaves the reader on the element's end, so that the caller's next read goes on behind it.
    private static async Task<string> TextAsync(XmlReader xml)
    {
        if (xml.IsEmptyElement)
        {
            return string.Empty;
        }

        int depth = xml.Depth;
        string text = string.Empty;
        while (await xml.ReadAsync() && xml.Depth > depth)
        {
            if (xml.NodeType is XmlNodeType.Text or XmlNodeType.CDATA or XmlNodeType.SignificantWhitespace)
            {
                text += await xml.GetValueAsync();
            }
        }

        return text;
    }
}
