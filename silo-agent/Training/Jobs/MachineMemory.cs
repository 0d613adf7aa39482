// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;

namespace FedCloud.Training.Jobs;

/// <summary>How much memory this process can still get: what the machine has available, or its control groups (containers, services) leave, whichever is less.</summary>
/// <remarks>Linux says both. Elsewhere it is all that the machine, or its container, has, since no part of it is known to be taken. Pages of files that can be dropped count as free.</remarks>
/// <param name="root">Where proc and sys are: another folder than / in tests.</param>
public sealed class MachineMemory(string root = "/")
{
    /// <summary>The bytes.</summary>
    public long AvailableBytes()
    {
        IEnumerable<long> bounds = Number(Path.Combine(root, "proc", "meminfo"), "MemAvailable:") is { } available ? [available * 1024] : [];
        return bounds.Concat(Groups().Select(Left).OfType<long>()).DefaultIfEmpty(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes).Min();
    }

    // The folders of the process's memory groups, each with those above it, of versions 1 and 2.
    private IEnumerable<string> Groups()
    {
        foreach (string[] parts in Lines(Path.Combine(root, "proc", "self", "cgroup")).Select(line => line.Split(':', 3)).Where(parts => parts.Length == 3))
        {
            bool second = parts is ["0", "", _];
            if (second || parts[1].Split(',').Contains("memory", StringComparer.Ordinal))
            {
                string top = second ? Path.Combine(root, "sys", "fs", "cgroup") : Path.Combine(root, "sys", "fs", "cgroup", "memory");
                for (string path = parts[2].Trim('/'); ; path = Path.GetDirectoryName(path) ?? string.Empty)
                {
                    yield return Path.Combine(top, path);
                    if (path.Length == 0)
                    {
                        break;
                    }
                }
            }
        }
    }

    private static long? Left(string group)
    {
        bool second = File.Exists(Path.Combine(group, "memory.max"));
        long? limit = Number(Path.Combine(group, second ? "memory.max" : "memory.limit_in_bytes"));
        long? used = Number(Path.Combine(group, second ? "memory.current" : "memory.usage_in_bytes"));
        long droppable = Number(Path.Combine(group, "memory.stat"), second ? "inactive_file" : "total_inactive_file") ?? 0;
        return limit is { } most && used is { } now ? Math.Max(0, most - Math.Max(0, now - droppable)) : null;
    }

    // The number after a name, or of the whole file; null where there is none ("max" too).
    private static long? Number(string path, string? name = null)
    {
        foreach (string[] words in Lines(path).Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries)))
        {
            int at = name is null ? 0 : 1;
            if (words.Length > at && (name is null || string.Equals(words[0], name, StringComparison.Ordinal)))
            {
                return long.TryParse(words[at], NumberStyles.None, CultureInfo.InvariantCulture, out long number) ? number : null;
            }
        }

        return null;
    }

    private static string[] Lines(string path)
    {
        try
        {
            return File.Exists(path) ? File.ReadAllLines(path) : [];
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return []; // a group that may not be read bounds nothing that could be said
        }
    }
}
