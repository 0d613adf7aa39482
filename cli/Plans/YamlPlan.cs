// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Collections.Immutable;
using System.Text;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Plans;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace FedCloud.Cli.Plans;

/// <summary>Reads plain YAML into a plan's tree: mappings, sequences and scalars; no anchors, aliases, tags or further documents.</summary>
public static class YamlPlan
{
    private const int MaxBytes = 256 * 1024;
    private const int MaxDepth = 16;

    /// <summary>Reads a file.</summary>
    /// <exception cref="FedCloudException"><c>plan_unreadable</c>.</exception>
    public static PlanNode Read(string path)
    {
        string name = Path.GetFileName(path);
        if (!File.Exists(path))
        {
            throw new FedCloudException(ErrorCodes.PlanUnreadable, $"expected a plan file {name}, found none", "check the path");
        }

        if (new FileInfo(path).Length > MaxBytes)
        {
            throw new FedCloudException(ErrorCodes.PlanUnreadable, $"{name}: expected at most {MaxBytes} bytes, found {new FileInfo(path).Length}");
        }

        string text;
        try
        {
            text = new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(File.ReadAllBytes(path));
        }
        catch (DecoderFallbackException error)
        {
            throw new FedCloudException(ErrorCodes.PlanUnreadable, $"{name}: expected UTF-8, found other bytes", cause: error);
        }

        return Parse(text, name);
    }

    /// <summary>Reads a text.</summary>
    /// <exception cref="FedCloudException"><c>plan_unreadable</c>.</exception>
    public static PlanNode Parse(string text, string name)
    {
        try
        {
            Parser parser = new(new StringReader(text));
            parser.Consume<StreamStart>();
            if (parser.Accept<StreamEnd>(out _))
            {
                return new PlanMapping(1, []);
            }

            parser.Consume<DocumentStart>();
            PlanNode root = ReadNode(parser, name, 0);
            parser.Consume<DocumentEnd>();
            return parser.Accept<StreamEnd>(out _) ? root : throw Unreadable(name, parser.Current?.Start.Line ?? 0, "a second document");
        }
        catch (YamlException error)
        {
            throw new FedCloudException(ErrorCodes.PlanUnreadable, $"{name}, line {error.Start.Line}, column {error.Start.Column}: not YAML: {error.Message.TrimEnd('.')}", cause: error);
        }
    }

    private static PlanNode ReadNode(Parser parser, string name, int depth)
    {
        ParsingEvent @event = parser.Current ?? throw Unreadable(name, 0, "no content");
        int line = (int)@event.Start.Line;
        if (depth > MaxDepth)
        {
            throw Unreadable(name, line, "deeper nesting than plans have");
        }

        if (@event is NodeEvent { Anchor.IsEmpty: false } or NodeEvent { Tag.IsEmpty: false } or AnchorAlias)
        {
            throw Unreadable(name, line, "an anchor, alias or tag");
        }

        if (parser.TryConsume<Scalar>(out Scalar? scalar) && scalar is not null)
        {
            return new PlanScalar(line, scalar.Value, scalar.Style is not ScalarStyle.Plain);
        }

        if (parser.TryConsume<SequenceStart>(out _))
        {
            ImmutableArray<PlanNode>.Builder items = ImmutableArray.CreateBuilder<PlanNode>();
            while (!parser.TryConsume<SequenceEnd>(out _))
            {
                items.Add(ReadNode(parser, name, depth + 1));
            }

            return new PlanSequence(line, items.ToImmutable());
        }

        parser.Consume<MappingStart>();
        ImmutableArray<PlanEntry>.Builder entries = ImmutableArray.CreateBuilder<PlanEntry>();
        while (!parser.TryConsume<MappingEnd>(out _))
        {
            PlanScalar key = ReadNode(parser, name, depth + 1) as PlanScalar ?? throw Unreadable(name, line, "a field whose name is not a text");
            entries.Add(new PlanEntry(key.Line, key.Text, ReadNode(parser, name, depth + 1)));
        }

        return new PlanMapping(line, entries.ToImmutable());
    }

    private static FedCloudException Unreadable(string name, long line, string found) =>
        new(ErrorCodes.PlanUnreadable, $"{name}, line {line}: expected plain fields, found {found}");
}
