// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Infra.Tests.Bicep;

/// <summary>What a token is.</summary>
public enum BicepTokenKind
{
    Word,
    Number,
    Text,
    Sign,
    LineEnd,
    End,
}

/// <summary>A token. The value of a text is what stands between its quotes, interpolations as they are written.</summary>
public readonly record struct BicepToken(BicepTokenKind Kind, string Value, int Line)
{
    public bool Is(string sign) => Kind is BicepTokenKind.Sign && Value == sign;

    public bool IsWord(string word) => Kind is BicepTokenKind.Word && Value == word;
}
