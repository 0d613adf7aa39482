// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Training.Jobs;

namespace FedCloud.Training.Tests.Jobs;

/// <summary>What Linux says about memory, from files as it writes them.</summary>
public sealed class MachineMemoryTests : IDisposable
{
    private const long Mib = 1 << 20;

    private readonly string _root = Directory.CreateTempSubdirectory("fedcloud-").FullName;

    public MachineMemoryTests() => Write("proc/meminfo", "MemTotal:       24683520 kB\nMemFree:          204800 kB\nMemAvailable:    1024000 kB\n");

    [Fact]
    public void AvailableBytes_NoGroups_AreTheMachines() => Assert.Equal(1000 * Mib, Available());

    [Fact]
    public void AvailableBytes_GroupLeavesLess_AreTheGroups()
    {
        Write("proc/self/cgroup", "0::/system.slice/silo.service\n");
        WriteGroup("system.slice", "max", 0, 0);
        WriteGroup("system.slice/silo.service", (700 * Mib).ToString(), 500 * Mib, 100 * Mib);

        Assert.Equal(300 * Mib, Available());
    }

    [Fact]
    public void AvailableBytes_GroupAboveLeavesLess_AreItsOwn()
    {
        Write("proc/self/cgroup", "0::/system.slice/silo.service\n");
        WriteGroup("system.slice", (600 * Mib).ToString(), 550 * Mib, 0);
        WriteGroup("system.slice/silo.service", (700 * Mib).ToString(), 500 * Mib, 100 * Mib);

        Assert.Equal(50 * Mib, Available());
    }

    [Fact]
    public void AvailableBytes_GroupOfAContainer_IsFoundAtTheTop()
    {
        // The path is the host's, and the container sees only its own group.
        Write("proc/self/cgroup", "0::/docker/0123\n");
        WriteGroup(".", (200 * Mib).ToString(), 250 * Mib, 20 * Mib);

        Assert.Equal(0, Available());
    }

    [Fact]
    public void AvailableBytes_GroupOfVersion1_IsReadToo()
    {
        Write("proc/self/cgroup", "4:memory:/job\n3:cpu,cpuacct:/\n0::/\n");
        Write("sys/fs/cgroup/memory/job/memory.limit_in_bytes", $"{400 * Mib}\n");
        Write("sys/fs/cgroup/memory/job/memory.usage_in_bytes", $"{100 * Mib}\n");
        Write("sys/fs/cgroup/memory/job/memory.stat", $"cache 5\ninactive_file 7\ntotal_inactive_file {10 * Mib}\n");
        Write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
        Write("sys/fs/cgroup/memory/memory.usage_in_bytes", "1\n");

        Assert.Equal(310 * Mib, Available());
    }

    [Fact]
    public void AvailableBytes_NothingSaid_AreTheRuntimes()
    {
        File.Delete(Path.Combine(_root, "proc/meminfo"));

        Assert.Equal(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes, Available());
    }

    [Fact]
    public void AvailableBytes_ThisMachine_AreSome() => Assert.InRange(new MachineMemory().AvailableBytes(), Mib, 1L << 50);

    public void Dispose() => Directory.Delete(_root, recursive: true);

    private long Available() => new MachineMemory(_root).AvailableBytes();

    private void WriteGroup(string path, string limit, long used, long droppable)
    {
        string group = "sys/fs/cgroup/" + path;
        Write(group + "/memory.max", limit + "\n");
        Write(group + "/memory.current", $"{used}\n");
        Write(group + "/memory.stat", $"anon 1\nfile 2\ninactive_file {droppable}\n");
    }

    private void Write(string path, string text)
    {
        string whole = Path.Combine(_root, path);
        Directory.CreateDirectory(Path.GetDirectoryName(whole)!);
        File.WriteAllText(whole, text);
    }
}
