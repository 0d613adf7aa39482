// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Training.Kernels;

/// <summary>A tile of C that stays in registers while its products are summed.</summary>
/// <param name="rows">Its rows, also those of a packed panel of A.</param>
/// <param name="columns">Its columns, also those of a packed panel of B.</param>
/// <param name="multiply">Writes the sum of products to C, or adds it: the terms, how many, C, the distance between its rows, whether to add.</param>
internal readonly unsafe struct GemmTile(int rows, int columns, delegate*<TileTerm*, int, float*, int, bool, void> multiply)
{
    /// <summary>The most elements of any tile.</summary>
    public const int MostElements = 12 * 32;

    /// <summary>The most rows of any tile.</summary>
    public const int MostRows = 12;

    /// <summary>The most columns of any tile.</summary>
    public const int MostColumns = 32;

    public int Rows => rows;

    public int Columns => columns;

    public void Multiply(TileTerm* terms, int count, float* c, int stride, bool add) => multiply(terms, count, c, stride, add);
}
