// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;
using System.Text;

namespace FedCloud.Cli.Reports.Html;

/// <summary>Foreign text that cannot disguise itself: what is invisible, or turns the direction of writing around, is written as its number.</summary>
internal static class VisibleText
{
    /// <summary>The text; newlines stay.</summary>
    public static string Of(string text)
    {
        StringBuilder visible = new(text.Length);
        foreach (Rune rune in text.EnumerateRunes())
        {
            if (rune.Value == '\n' || !IsHidden(rune))
            {
                visible.Append(rune);
            }
            else
            {
                visible.Append(CultureInfo.InvariantCulture, $"[U+{rune.Value:X4}]");
            }
        }

        return visible.ToString();
    }

    // Marks of direction (U+200E, U+202A to U+202E, U+2066 to U+2069) are of category Format, as are characters of no width.
    private static bool IsHidden(Rune rune) => Rune.GetUnicodeCategory(rune) is
        UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator or UnicodeCategory.PrivateUse or UnicodeCategory.OtherNotAssigned or UnicodeCategory.Surrogate;
}
