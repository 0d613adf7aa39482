// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Training.Tests;

/// <summary>The repository that these tests were built from.</summary>
internal static class Repository
{
    public static string Root { get; } = Find(new DirectoryInfo(AppContext.BaseDirectory));

    private static string Find(DirectoryInfo? folder) => folder switch
    {
        null => throw new InvalidOperationException("FedCloud.sln is in no folder above the tests"),
        _ when File.Exists(Path.Combine(folder.FullName, "FedCloud.sln")) => folder.FullName,
        _ => Find(folder.Parent),
    };
}
