// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Reflection;
using System.Reflection.Metadata;
using System.Reflection.Metadata.Ecma335;
using System.Reflection.PortableExecutable;

namespace FedCloud.Trainer.Tests;

public sealed class IsolationTests : IDisposable
{
    // System.Net.Primitives is absent on purpose: even an address type has no business in the trainer.
    private static readonly string[] Networking = ["System.Net", "System.Private.Uri", "System.Security.Cryptography.X509", "Microsoft.AspNetCore", "Azure.", "Grpc.", "System.IO.Pipes"];

    private readonly SampleJob _sample = new();

    [Fact]
    public void Assemblies_OfTheTrainer_ReferenceNoNetworking()
    {
        List<string> loaded = [];
        Visit("fedcloud-trainer", loaded);

        Assert.Equal(["FedCloud.Protocol", "FedCloud.Training", "fedcloud-trainer"], loaded.Order(StringComparer.Ordinal), StringComparer.Ordinal);
        Assert.All(loaded, name =>
        {
            (string[] assemblies, string[] types) = References(name);
            Assert.DoesNotContain(assemblies, assembly => Networking.Any(prefix => assembly.StartsWith(prefix, StringComparison.Ordinal)));
            Assert.DoesNotContain(types, type => type.StartsWith("System.Net", StringComparison.Ordinal));
        });
    }

    [Fact]
    public void Assemblies_OfThisTest_ShowThatTheCheckSeesNetworking()
    {
        (string[] assemblies, string[] types) = References("FedCloud.Trainer.Tests");

        Assert.Contains("System.Net.Primitives", assemblies, StringComparer.Ordinal);
        Assert.Contains("System.Net.IPAddress", types, StringComparer.Ordinal);
        Assert.Equal("127.0.0.1", System.Net.IPAddress.Loopback.ToString());
    }

    // madvise says how memory will be used, and reaches nothing.
    [Fact]
    public void Assemblies_OfTheTrainer_CallNoNativeCodeButAdviceOnMemory()
    {
        string[] functions = [.. ((string[])["FedCloud.Protocol", "FedCloud.Training", "fedcloud-trainer"]).SelectMany(NativeFunctions)];

        Assert.Equal(["libc madvise"], functions);
    }

    [SkippableNamespaceFact]
    public void Run_InAnEmptyNetworkNamespace_Succeeds()
    {
        string[] command = ["unshare", "-r", "-n", TrainerRun.Host, TrainerRun.Assembly, "run", _sample.Write()];

        TrainerRun run = TrainerRun.Start(command, new Dictionary<string, string>(StringComparer.Ordinal));

        Assert.Equal((0, string.Empty), (run.ExitCode, run.Error));
        Assert.True(File.Exists(_sample.UpdateFile));
    }

    public void Dispose() => _sample.Dispose();

    private static void Visit(string name, List<string> visited)
    {
        if (visited.Contains(name, StringComparer.Ordinal))
        {
            return;
        }

        visited.Add(name);
        foreach (string other in References(name).Assemblies.Where(other => File.Exists(PathOf(other))))
        {
            Visit(other, visited);
        }
    }

    private static (string[] Assemblies, string[] Types) References(string name)
    {
        using PEReader file = Open(name);
        MetadataReader metadata = file.GetMetadataReader();
        string[] assemblies = [.. metadata.AssemblyReferences.Select(handle => metadata.GetString(metadata.GetAssemblyReference(handle).Name))];
        string[] types =
        [
            .. metadata.TypeReferences.Select(metadata.GetTypeReference).Select(type => $"{metadata.GetString(type.Namespace)}.{metadata.GetString(type.Name)}"),
        ];
        return (assemblies, types);
    }

    private static string[] NativeFunctions(string name)
    {
        using PEReader file = Open(name);
        MetadataReader metadata = file.GetMetadataReader();
        MethodImport[] imports =
        [
            .. metadata.MethodDefinitions.Select(handle => metadata.GetMethodDefinition(handle))
                .Where(method => method.Attributes.HasFlag(MethodAttributes.PinvokeImpl))
                .Select(method => method.GetImport()),
        ];
        Assert.Equal(metadata.GetTableRowCount(TableIndex.ImplMap), imports.Length);
        return [.. imports.Select(import => $"{metadata.GetString(metadata.GetModuleReference(import.Module).Name)} {metadata.GetString(import.Name)}")];
    }

    private static PEReader Open(string name) => new(File.OpenRead(PathOf(name)));

    private static string PathOf(string name) => Path.Combine(AppContext.BaseDirectory, name + ".dll");
}
