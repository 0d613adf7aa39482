// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text;
using FedCloud.Cli.Reports.Frameworks;
using FedCloud.Cli.Reports.Texts;
using FedCloud.Protocol.Errors;
using Xunit;

namespace FedCloud.Cli.Tests.Reports;

public sealed class OperatorTextsTests
{
    [Fact]
    public void Parse_KnownKeys_AreRead()
    {
        OperatorTexts texts = OperatorTexts.Parse(Encoding.UTF8.GetBytes("""{"v":1,"author_role":"data protection officer","texts":{"necessity":"two\nlines","regions":"EU"}}"""), FrameworkTable.TextKeys);

        Assert.Equal(("data protection officer", "two\nlines", "EU"), (texts.AuthorRole, texts.Texts["necessity"], texts.Texts["regions"]));
    }

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("null")]
    [InlineData("""{"v":2,"author_role":"officer","texts":{}}""")]
    [InlineData("""{"author_role":"officer","texts":{}}""")]
    [InlineData("""{"v":1,"texts":{}}""")]
    [InlineData("""{"v":1,"author_role":"officer"}""")]
    [InlineData("""{"v":1,"author_role":"","texts":{}}""")]
    [InlineData("""{"v":1,"author_role":" ","texts":{}}""")]
    [InlineData("""{"v":1,"author_role":"two\nlines","texts":{}}""")]
    [InlineData("""{"v":1,"author_role":"officer","texts":{},"more":1}""")]
    [InlineData("""{"v":1,"author_role":"officer","texts":{"nobody_knows_this":"text"}}""")]
    [InlineData("""{"v":1,"author_role":"officer","texts":{"regions":""}}""")]
    [InlineData("""{"v":1,"author_role":"officer","texts":{"regions":null}}""")]
    [InlineData("""{"v":1,"author_role":"officer","texts":{"regions":1}}""")]
    [InlineData("""{"v":1,"author_role":"officer","texts":{"regions":"a","regions":"b"}}""")]
    [InlineData("""{"v":1,"author_role":"officer","texts":{"regions":"bell\u0007"}}""")]
    [InlineData("""{"v":1,"author_role":"officer","texts":{"regions":"half \ud800 pair"}}""")]
    public void Parse_AnythingElse_IsRefused(string json)
    {
        FedCloudException error = Assert.Throws<FedCloudException>(() => OperatorTexts.Parse(Encoding.UTF8.GetBytes(json), FrameworkTable.TextKeys));

        Assert.Equal(("report_texts_malformed", ExitCode.Unusable), (error.Code.Name, error.Code.Exit));
    }

    [Fact]
    public void Parse_LongText_IsRefused()
    {
        string json = """{"v":1,"author_role":"officer","texts":{"regions":"LONG"}}""".Replace("LONG", new string('a', 8001), StringComparison.Ordinal);

        Assert.Throws<FedCloudException>(() => OperatorTexts.Parse(Encoding.UTF8.GetBytes(json), FrameworkTable.TextKeys));
    }
}
