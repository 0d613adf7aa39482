// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using Xunit;

namespace FedCloud.Infra.Tests.Bicep;

/// <summary>The parser that the rules stand on.</summary>
public sealed class BicepParserTests
{
    [Fact]
    public void Parse_Declarations_AreKept()
    {
        BicepFile file = BicepParser.Parse("a.bicep", """
            targetScope = 'subscription' // where
            import { t } from 'b.bicep'
            /* a long
               comment */
            #disable-next-line no-unused-params
            @description('It\'s a name: ${x}')
            @allowed(['a', 'b'])
            param name 'a' | 'b' = 'a'
            param rights {
              queue: string
            }[]
            param note string?
            var long = empty(name)
              ? 'x'
              : 'y'
            output id string = long
            """);

        Assert.Equal(["name", "rights", "note"], file.Parameters.Keys);
        Assert.Equal([false, true, false], file.Parameters.Values.Select(parameter => parameter.IsRequired));
        Assert.Equal("empty ( name ) ? 'x' : 'y'", file.Variables["long"].Source);
        Assert.Equal("long", file.Outputs["id"].Source);
    }

    [Fact]
    public void Parse_Resources_LoseConditionAndLoop()
    {
        BicepFile file = BicepParser.Parse("a.bicep", """
            resource one 'A/b@2024-01-01' = if (x && !empty(y)) {
              name: 'n-${toLower('Q')}'
              'odata.type': 'z'
              tags: { a: 1, b: [1, 2] }
            }
            resource many 'A/b@2024-01-01' existing = [
              for (item, index) in filter(list, i => i.on): if (item.on) {
                name: item.name
              }
            ]
            module m 'm.bicep' = [for i in list: { params: { a: { b: i } } }]
            """);

        Assert.Equal(["one", "many"], file.Resources.Select(resource => resource.Symbol));
        Assert.Equal([false, true], file.Resources.Select(resource => resource.IsExisting));
        Assert.Equal("x && ! empty ( y )", file.Resources[0].Condition);
        Assert.Equal("'n-${toLower('Q')}'", file.Resources[0].Body["name"]?.Source);
        Assert.Equal("'z'", file.Resources[0].Body["odata.type"]?.Source);
        Assert.Equal("[1, 2]", file.Resources[0].Body.At("tags.b")?.Source);
        Assert.Equal("item . name", file.Resources[1].Body["name"]?.Source);
        Assert.Equal("i", file.Modules[0].Parameters.At("a.b")?.Source);
    }

    [Theory]
    [InlineData("resource = {}", "line 1")]
    [InlineData("param a string\nresource x 'A/b@1' = {", "line 2")]
    [InlineData("var a = 'open\n", "line 1")]
    [InlineData("nonsense here", "begins no declaration")]
    [InlineData("resource x 'A/b@1' = {\n  a: 1\n  a: 2\n}", "there twice")]
    public void Parse_Malformed_SaysWhere(string text, string expected) =>
        Assert.Contains(expected, Assert.Throws<FormatException>(() => BicepParser.Parse("a.bicep", text)).Message, StringComparison.Ordinal);
}
