// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Identity;

namespace FedCloud.SiloAgent.Budgets;

/// <summary>The files of one ledger in the folder of ledgers.</summary>
/// <param name="Folder">The folder.</param>
/// <param name="Name">The ledger's name: the budget group, or the data set's uid.</param>
public sealed record LedgerPaths(string Folder, string Name)
{
    private const string EntriesSuffix = ".jsonl";

    /// <summary>The entries, one a line.</summary>
    public string Entries => Of(EntriesSuffix);

    /// <summary>Number and hash of the last entry: shows a cut or changed last line.</summary>
    public string Head => Of(".head");

    /// <summary>The salt of the data set's commitment.</summary>
    public string Salt => Of(".salt");

    /// <summary>Held by the one process that writes.</summary>
    public string Lock => Of(".lock");

    /// <summary>The digests of the records that were ever part of the data set.</summary>
    public string Records => Of(".records");

    /// <summary>The runs that the ledger does not count.</summary>
    public string Excluded => Of(".excluded");

    /// <summary>The files of a ledger.</summary>
    /// <exception cref="Protocol.Errors.FedCloudException"><c>id_malformed</c>: the name would make no file name.</exception>
    public static LedgerPaths Of(string folder, string name) => new(folder, Identifier.Require(name, "the data set's uid or budget group"));

    /// <summary>The ledgers of a folder by name.</summary>
    public static IEnumerable<LedgerPaths> In(string folder) => !Directory.Exists(folder)
        ? []
        : Directory.EnumerateFiles(folder)
            .Select(path => Path.GetFileNameWithoutExtension(path))
            .Where(Identifier.IsValid)
            .Distinct(StringComparer.Ordinal)
            .Order(StringComparer.Ordinal)
            .Select(name => new LedgerPaths(folder, name));

    private string Of(string suffix) => Path.Combine(Folder, Name + suffix);
}
