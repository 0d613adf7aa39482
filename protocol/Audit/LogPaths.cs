// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;
using FedCloud.Protocol.Errors;

namespace FedCloud.Protocol.Audit;

/// <summary>The container that a file of the log lies in (audit-log, section 3).</summary>
public enum LogContainer
{
    /// <summary>Write-once files: tiles, bundles, signed checkpoints.</summary>
    Log,

    /// <summary>The newest checkpoint and the batch records.</summary>
    LogHead,
}

/// <summary>The paths of the log's files beside its tiles and bundles (audit-log, section 3).</summary>
public static class LogPaths
{
    /// <summary>The newest signed checkpoint, in <see cref="LogContainer.LogHead"/>.</summary>
    public const string Head = "checkpoint";

    /// <summary>The name of a container.</summary>
    public static string Name(LogContainer container) => container == LogContainer.Log ? "log" : "log-head";

    /// <summary>The folder of the signed checkpoints, in <see cref="LogContainer.Log"/>.</summary>
    public const string ArchivePrefix = "checkpoint-archive/";

    /// <summary>A signed checkpoint, in <see cref="LogContainer.Log"/>.</summary>
    public static string Archive(long size) => string.Create(CultureInfo.InvariantCulture, $"{ArchivePrefix}{size}");

    /// <summary>A checkpoint with one witness line, in <see cref="LogContainer.Log"/>.</summary>
    /// <param name="size">The checkpoint's size.</param>
    /// <param name="witness">The witness: a silo's id.</param>
    public static string Cosigned(long size, Identity.SiloId witness) => CosignedPrefix(size) + witness.Value;

    /// <summary>The folder of a checkpoint's witness lines, in <see cref="LogContainer.Log"/>.</summary>
    public static string CosignedPrefix(long size) => string.Create(CultureInfo.InvariantCulture, $"cosigned/{size}/");

    /// <summary>The entries of one batch, in <see cref="LogContainer.LogHead"/>.</summary>
    /// <param name="firstIndex">The index of the batch's first entry.</param>
    public static string Batch(long firstIndex) => string.Create(CultureInfo.InvariantCulture, $"batch/{firstIndex}");

    /// <summary>Reads the size out of the path of an archived checkpoint.</summary>
    public static bool TryParseArchive(string path, out long size)
    {
        ArgumentNullException.ThrowIfNull(path);
        size = 0;
        return path.StartsWith(ArchivePrefix, StringComparison.Ordinal) && Checkpoint.TryParseNumber(path[ArchivePrefix.Length..], out size);
    }
}

/// <summary>A file to create, never to overwrite (<c>If-None-Match: *</c>).</summary>
/// <param name="Container">Where.</param>
/// <param name="Path">Its path.</param>
/// <param name="Bytes">Its bytes.</param>
public sealed record LogWrite(LogContainer Container, string Path, ReadOnlyMemory<byte> Bytes)
{
    /// <summary>Decides about a file that exists already: the same bytes are this write, done before; others stop the log.</summary>
    /// <param name="existing">The bytes found.</param>
    /// <exception cref="FedCloudException"><c>log_conflict</c>.</exception>
    public void RequireSame(ReadOnlySpan<byte> existing)
    {
        if (!existing.SequenceEqual(Bytes.Span))
        {
            throw new FedCloudException(ErrorCodes.LogConflict, $"{Path} exists with other bytes");
        }
    }
}
