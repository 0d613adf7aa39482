// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Contracts;

/// <summary>A member of an API contract was called: the build has the package's signatures, not the package.</summary>
internal sealed class PackageNotRestoredException(string package, string remedy)
    : NotSupportedException($"package_not_restored: this build has only the API contract of {package}; {remedy}")
{
    /// <summary>The id of the package that the call needs.</summary>
    public string Package { get; } = package;

    /// <summary>What a contract's members throw.</summary>
    public static PackageNotRestoredException Of(string package) => new(package, "publish with dotnet publish, or build with the environment variable AzurePackages=nuget");
}
