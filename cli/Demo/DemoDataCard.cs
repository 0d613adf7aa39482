// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Enrolment;
using FedCloud.Protocol.Identity;

namespace FedCloud.Cli.Demo;

/// <summary>The data card that the demo's administrators let their silos join with.</summary>
internal static class DemoDataCard
{
    /// <summary>The card's file.</summary>
    /// <param name="silo">The silo.</param>
    /// <param name="now">The time: records of a demo were collected when it was started.</param>
    public static byte[] Of(DemoData silo, DateTimeOffset now)
    {
        long records = Math.Max(1, File.ReadLines(silo.TrainFile).LongCount(line => line.Length > 0));
        string month = now.ToUniversalTime().ToString("yyyy-MM", CultureInfo.InvariantCulture);
        DataCard card = new()
        {
            V = 1,
            Federation = new FederationId("demo-federation"),
            SiloId = silo.Name,
            Description = "Example records of a demonstration: a prompt and its completion",
            Purpose = "showing a federation on one machine",
            LegalBasis = "none needed: the demonstration treats its data as public",
            SchemaSha256 = Sha256Digest.Of("""{"completion":"text","prompt":"text"}"""u8),
            Records = RangeOf(records),
            CollectedFrom = month,
            CollectedUntil = month,
            Contact = "whoever started the demonstration",
        };
        return card.ToJcs();
    }

    // The power of ten that a count lies in: 1 to 9, 10 to 99, and so on.
    private static CountRange RangeOf(long count)
    {
        long from = 1;
        while (from * 10 <= count)
        {
            from *= 10;
        }

        return new CountRange(from, (from * 10) - 1);
    }
}
