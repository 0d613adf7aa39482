// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Protocol.Audit.Evidence;

/// <summary>The files of an evidence bundle, wherever they lie. Several streams may be open at once, if one thread reads them all.</summary>
public interface IEvidenceSource : IDisposable
{
    /// <summary>Lists all files.</summary>
    /// <exception cref="Errors.FedCloudException"><c>evidence_unusable</c>.</exception>
    ValueTask<IReadOnlyList<EvidenceFile>> ListAsync(CancellationToken cancellation);

    /// <summary>Opens a file of the list.</summary>
    /// <exception cref="Errors.FedCloudException"><c>evidence_unusable</c>.</exception>
    ValueTask<Stream> OpenAsync(EvidenceFile file, CancellationToken cancellation);
}
