// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.IO.MemoryMappedFiles;
using FedCloud.Training.Kernels;

namespace FedCloud.Training.Decoders;

/// <summary>A file in memory that is shared with the system's cache of files. What is written to it stays in this process and changes no file.</summary>
/// <remarks>It stays mapped until the last matrix in it is disposed. The file must not become shorter meanwhile: reading beyond its end would end the process.</remarks>
internal sealed unsafe class MappedFile : IDisposable
{
    private readonly MemoryMappedFile _file;
    private readonly MemoryMappedViewAccessor _view;

    public MappedFile(string path)
    {
        FileStream stream = new(path, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0);
        _file = MemoryMappedFile.CreateFromFile(stream, mapName: null, capacity: 0, MemoryMappedFileAccess.CopyOnWrite, HandleInheritability.None, leaveOpen: false);
        _view = _file.CreateViewAccessor(0, 0, MemoryMappedFileAccess.CopyOnWrite);
    }

    /// <summary>A matrix that lies in the file.</summary>
    /// <param name="rows">Its rows.</param>
    /// <param name="columns">Its columns.</param>
    /// <param name="position">Its first byte, a multiple of 4.</param>
    public Matrix Matrix(int rows, int columns, long position) => new(rows, columns, _view.SafeMemoryMappedViewHandle, _view.PointerOffset + position);

    /// <summary>A matrix of bfloat16 numbers that lies in the file.</summary>
    /// <param name="rows">Its rows.</param>
    /// <param name="columns">Its columns.</param>
    /// <param name="position">Its first byte, a multiple of 2.</param>
    public CompactMatrix BFloat16(int rows, int columns, long position) => new(rows, columns, _view.SafeMemoryMappedViewHandle, _view.PointerOffset + position);

    /// <inheritdoc/>
    public void Dispose()
    {
        _view.Dispose();
        _file.Dispose();
    }
}
