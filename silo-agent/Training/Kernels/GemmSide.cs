// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Runtime.CompilerServices;

namespace FedCloud.Training.Kernels;

/// <summary>One side of a product, a block of A or B, as tiles read it: lanes (rows of A, columns of B) of one depth, in packed panels or where the matrix lies.</summary>
internal readonly unsafe struct GemmSide
{
    private readonly float* _first;
    private readonly nint _lane;
    private readonly nint _step;
    private readonly nint _betweenPanels;
    private readonly int _width;
    private readonly int _whole; // lanes of whole panels where it is read where it lies; those after them are packed
    private readonly float* _rest;

    private GemmSide(float* first, nint lane, nint step, nint betweenPanels, int width, int whole, float* rest)
    {
        _first = first;
        _lane = lane;
        _step = step;
        _betweenPanels = betweenPanels;
        _width = width;
        _whole = whole;
        _rest = rest;
    }

    /// <summary>Panels that are packed already.</summary>
    public static GemmSide Packed(float* panels, int depth, int width) => new(panels, 1, width, (nint)depth * width, width, int.MaxValue, null);

    /// <summary>A block where it lies. Lanes that fill no panel are packed all the same, so that nothing beyond the matrix is read.</summary>
    /// <param name="source">The block's first element.</param>
    /// <param name="stride">The distance between rows of the matrix.</param>
    /// <param name="lanesAreRows">Whether a lane is a row of the matrix; else it is a column.</param>
    /// <param name="lanes">How many lanes the block has.</param>
    /// <param name="depth">The elements of a lane.</param>
    /// <param name="width">Lanes of a panel.</param>
    /// <param name="rest">Where to pack what fills no panel.</param>
    public static GemmSide InPlace(float* source, int stride, bool lanesAreRows, int lanes, int depth, int width, float* rest)
    {
        (nint lane, nint step) = lanesAreRows ? (stride, 1) : ((nint)1, stride);
        int whole = lanes / width * width;
        if (whole < lanes)
        {
            Packing.Pack(source + (whole * lane), stride, lanesAreRows, lanes - whole, depth, width, 1, rest);
        }

        return new GemmSide(source, lane, step, width * lane, width, whole, rest);
    }

    /// <summary>The panel that begins at a lane, and its strides.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public float* Panel(int lane, out nint between, out nint step)
    {
        if (lane < _whole)
        {
            (between, step) = (_lane, _step);
            return _first + (lane / _width * _betweenPanels);
        }

        (between, step) = (1, _width);
        return _rest;
    }
}
