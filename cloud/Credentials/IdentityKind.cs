// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Cloud.Credentials;

/// <summary>How a process proves who it is to Azure. None of them holds a client secret (keys-and-identity, Z2, Z3).</summary>
public enum IdentityKind
{
    /// <summary>A user-assigned managed identity of an Azure resource.</summary>
    Managed,

    /// <summary>The managed identity of a machine on premises, by its Azure Arc agent.</summary>
    Arc,

    /// <summary>Workload identity federation: a token of another issuer, such as a Kubernetes cluster, in a file.</summary>
    Workload,

    /// <summary>An app registration with a certificate.</summary>
    Certificate,

    /// <summary>Whoever is signed in to the Azure command line; for developers.</summary>
    Cli,
}
