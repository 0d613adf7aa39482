// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Infra.Tests;

/// <summary>Where the repository is.</summary>
public static class Repository
{
    private static string Root { get; } = Find();

    /// <summary>The full path of something in it, with forward slashes.</summary>
    public static string Path(string relative) => System.IO.Path.Combine(Root, relative.Replace('/', System.IO.Path.DirectorySeparatorChar));

    public static string Read(string relative) => File.ReadAllText(Path(relative));

    private static string Find()
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(System.IO.Path.Combine(folder.FullName, "FedCloud.sln")))
        {
            folder = folder.Parent;
        }

        return folder?.FullName ?? throw new InvalidOperationException("the tests run inside the repository");
    }
}
