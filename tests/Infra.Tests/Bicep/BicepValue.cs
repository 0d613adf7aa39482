// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Infra.Tests.Bicep;

/// <summary>A value as it is written. What is neither object, list, loop nor text is kept as its source.</summary>
public abstract record BicepValue(int Line)
{
    /// <summary>The value's source, blanks between tokens.</summary>
    public abstract string Source { get; }

    /// <summary>This value and all inside it.</summary>
    public virtual IEnumerable<BicepValue> All() => [this];
}

/// <summary>A text: 'storage-${token}'.</summary>
public sealed record BicepText(string Value, int Line) : BicepValue(Line)
{
    public override string Source => $"'{Value}'";
}

/// <summary>Anything else: a name, a number, a call, a choice.</summary>
public sealed record BicepExpression(string Text, int Line) : BicepValue(Line)
{
    public override string Source => Text;
}

/// <summary>An object.</summary>
public sealed record BicepObject(IReadOnlyDictionary<string, BicepValue> Properties, int Line) : BicepValue(Line)
{
    public override string Source => "{ " + string.Join(", ", Properties.Select(property => $"{property.Key}: {property.Value.Source}")) + " }";

    public BicepValue? this[string name] => Properties.GetValueOrDefault(name);

    public override IEnumerable<BicepValue> All() => Properties.Values.SelectMany(value => value.All()).Prepend(this);

    /// <summary>The value at the end of a path: properties.networkAcls.bypass.</summary>
    public BicepValue? At(string path) =>
        path.Split('.').Aggregate((BicepValue?)this, static (value, name) => (value as BicepObject)?[name]);
}

/// <summary>A list.</summary>
public sealed record BicepList(IReadOnlyList<BicepValue> Items, int Line) : BicepValue(Line)
{
    public override string Source => "[" + string.Join(", ", Items.Select(item => item.Source)) + "]";

    public override IEnumerable<BicepValue> All() => Items.SelectMany(item => item.All()).Prepend(this);
}

/// <summary>A loop: [for (right, index) in rights: …].</summary>
public sealed record BicepLoop(IReadOnlyList<string> Variables, string Over, BicepValue Body, int Line) : BicepValue(Line)
{
    public override string Source => $"[for ({string.Join(", ", Variables)}) in {Over}: {Body.Source}]";

    public override IEnumerable<BicepValue> All() => Body.All().Prepend(this);
}
