// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text;
using System.Text.Encodings.Web;
using System.Text.Unicode;

namespace FedCloud.Cli.Reports.Html;

/// <summary>Writes HTML. Text and attributes are escaped here and nowhere else; names of elements and attributes are the program's own.</summary>
internal sealed class HtmlWriter
{
    private static readonly HtmlEncoder Encoder = HtmlEncoder.Create(UnicodeRanges.All);

    // White space around these would show.
    private static readonly string[] Inline = ["a", "b", "bdi", "code", "span"];

    private readonly StringBuilder _html = new("<!DOCTYPE html>\n");

    /// <summary>Opens an element.</summary>
    public HtmlWriter Open(string tag, params ReadOnlySpan<(string Name, string Value)> attributes)
    {
        _html.Append('<').Append(tag);
        foreach ((string name, string value) in attributes)
        {
            _html.Append(' ').Append(name).Append("=\"").Append(Encoder.Encode(VisibleText.Of(value))).Append('"');
        }

        _html.Append('>');
        return this;
    }

    /// <summary>Closes an element.</summary>
    public HtmlWriter Close(string tag)
    {
        _html.Append("</").Append(tag).Append(Inline.Contains(tag, StringComparer.Ordinal) ? ">" : ">\n");
        return this;
    }

    /// <summary>Writes text.</summary>
    public HtmlWriter Text(string text)
    {
        _html.Append(Encoder.Encode(VisibleText.Of(text)).Replace("&#xA;", "\n", StringComparison.Ordinal));
        return this;
    }

    /// <summary>Writes an element that holds text alone.</summary>
    public HtmlWriter Element(string tag, string text, params ReadOnlySpan<(string Name, string Value)> attributes) => Open(tag, attributes).Text(text).CloseInline(tag);

    /// <summary>Writes an element without content.</summary>
    public HtmlWriter Void(string tag, params ReadOnlySpan<(string Name, string Value)> attributes)
    {
        Open(tag, attributes);
        _html.Append('\n');
        return this;
    }

    /// <summary>Writes the program's own style sheet, which holds nothing foreign.</summary>
    public HtmlWriter Style(string css)
    {
        _html.Append("<style>\n").Append(css).Append("</style>\n");
        return this;
    }

    /// <inheritdoc/>
    public override string ToString() => _html.ToString();

    private HtmlWriter CloseInline(string tag)
    {
        _html.Append("</").Append(tag).Append('>');
        return this;
    }
}
