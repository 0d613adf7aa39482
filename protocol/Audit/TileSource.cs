// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Protocol.Audit;

/// <summary>Gives the bytes of a tile that the caller fetched before.</summary>
/// <param name="tile">Where it lies.</param>
public delegate ReadOnlyMemory<byte> TileSource(TileCoordinate tile);
