// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Training.Tokenization;

/// <summary>What is before a piece of text, which some tokenizers begin with a space.</summary>
internal enum PiecePlace
{
    /// <summary>Nothing.</summary>
    Start,

    /// <summary>A token that was found in the text.</summary>
    AfterToken,

    /// <summary>Text that is already encoded; the piece goes on from it.</summary>
    Inside,
}
