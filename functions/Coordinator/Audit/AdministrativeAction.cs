// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Coordinator.Audit;

/// <summary>What somebody with rights over the deployment did, as the platform reports it (keys and identity, Z7).</summary>
/// <param name="Resource">The resource's id.</param>
/// <param name="Operation">The operation, such as <c>Microsoft.KeyVault/vaults/keys/write</c>.</param>
/// <param name="Result"><c>success</c>, <c>failure</c>, <c>cancelled</c> or <c>unknown</c>.</param>
public sealed record AdministrativeAction(string Resource, string Operation, string Result)
{
    private const string Vendor = "microsoft.";
    private const int MaxWord = 40;

    /// <summary>The operation as a word of the log: the provider, and of the path as many of its last parts as there is room for. <c>Microsoft.Authorization/roleAssignments/write</c> becomes <c>authorization.roleassignments.write</c>.</summary>
    public string OperationWord()
    {
#pragma warning disable CA1308 // a vocabulary of the log, which is in lower case
        string[] parts = [.. Operation.ToLowerInvariant().Split('/', StringSplitOptions.RemoveEmptyEntries).Select(Clean)];
#pragma warning restore CA1308
        if (parts is not [{ } first, ..])
        {
            return "unknown";
        }

        string provider = first.StartsWith(Vendor, StringComparison.Ordinal) ? first[Vendor.Length..] : first;
        string word = provider.Length > MaxWord ? provider[..MaxWord] : provider;
        string path = string.Empty;
        for (int i = parts.Length - 1; i >= 1 && word.Length + path.Length + parts[i].Length + 1 <= MaxWord; i--)
        {
            path = $".{parts[i]}{path}";
        }

        return word + path;
    }

    private static string Clean(string part) => string.Concat(part.Select(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '.' or '-' or '_' ? c : '-'));
}
