// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Enrolment;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using Xunit;

namespace FedCloud.Protocol.Tests.Enrolment;

public sealed class DataCardTests
{
    private const string Written = """
        {
          "v": 1, "federation": "test-federation", "silo_id": "silo-1",
          "description": "Discharge letters of a surgical ward, German",
          "purpose": "coding of diagnoses", "legal_basis": "GDPR 9(2)(j)",
          "schema_sha256": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
          "records": { "at_least": 10000, "at_most": 20000 },
          "collected_from": "2019-01", "collected_until": "2024-06",
          "contact": "data office, data@hospital.example"
        }
        """;

    [Fact]
    public void Read_AsWritten_GivesOneCanonicalText()
    {
        DataCard card = Read(Written);

        Assert.Equal(new SiloId("silo-1"), card.SiloId);
        Assert.Equal((10_000, 20_000, (CountRange?)null), (card.Records.AtLeast, card.Records.AtMost, card.Persons));
        Assert.Equal(card, DataCard.Parse(card.ToJcs()));
        Assert.Equal(ErrorCodes.JsonNotCanonical, Assert.Throws<FedCloudException>(() => DataCard.Parse(Encoding.UTF8.GetBytes(Written))).Code);
        Assert.DoesNotContain("persons", Encoding.UTF8.GetString(card.ToJcs()), StringComparison.Ordinal);
        Assert.Equal(new CountRange(5, 9), Read(Written.Replace("\"records\"", "\"persons\":{\"at_least\":5,\"at_most\":9},\"records\"", StringComparison.Ordinal)).Persons);
    }

    [Theory]
    [InlineData("\"v\": 1", "\"v\": 2", "v: expected 1")]
    [InlineData("\"at_most\": 20000", "\"at_most\": 10000", "records: expected a range")]
    [InlineData("\"at_least\": 10000", "\"at_least\": 0", "records: expected a range")]
    [InlineData("\"2024-06\"", "\"2018-06\"", "collected_until: expected a month, yyyy-MM, not before")]
    [InlineData("\"2019-01\"", "\"2019-13\"", "collected_from: expected a month")]
    [InlineData("\"GDPR 9(2)(j)\"", "\"\"", "legal_basis: expected a text of 1 to 400")]
    [InlineData("Discharge letters", "Discharge\\u0007letters", "description: expected a text of 1 to 400")]
    [InlineData("\"purpose\":", "\"purposes\":", "$.purposes does not have")]
    [InlineData("\"contact\": \"data office, data@hospital.example\"", "\"contact\": null", "$.contact does not have")]
    [InlineData("\"v\": 1,", "\"v\": 1, \"v\": 1,", "the text does not have")]
    public void Read_ImpossibleValue_IsRefusedWithItsField(string from, string to, string expected)
    {
        Assert.Contains(from, Written, StringComparison.Ordinal);

        FedCloudException error = Assert.Throws<FedCloudException>(() => Read(Written.Replace(from, to, StringComparison.Ordinal)));

        Assert.StartsWith($"data_card_malformed: {expected}", error.Message, StringComparison.Ordinal);
    }

    private static DataCard Read(string text) => DataCard.Read(Encoding.UTF8.GetBytes(text));
}
