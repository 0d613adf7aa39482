// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Signing;

namespace FedCloud.SiloAgent.Policies;

/// <summary>The policy in force, and whether the administrator has signed another one since. A file that is no policy changes nothing, and is said once.</summary>
public sealed class PolicyWatch
{
    private readonly string _path;
    private readonly VerificationKey _administrator;
    private readonly Action<FedCloudException> _refuse;
    private Sha256Digest? _seen;
    private SiloPolicy? _next;

    /// <summary>Reads the policy.</summary>
    /// <param name="path">The file.</param>
    /// <param name="administrator">The administrator's key.</param>
    /// <param name="refuse">Hears of a file that does not come into force.</param>
    /// <exception cref="FedCloudException"><c>policy_signature</c> or <c>policy_malformed</c>.</exception>
    public PolicyWatch(string path, VerificationKey administrator, Action<FedCloudException> refuse)
    {
        _path = path;
        _administrator = administrator;
        _refuse = refuse;
        Current = SiloPolicy.Read(path, administrator);
    }

    /// <summary>The policy in force.</summary>
    public SiloPolicy Current { get; private set; }

    /// <summary>Looks at the file. Cheap where nothing has changed.</summary>
    /// <returns>Whether another policy waits to be taken.</returns>
    public bool HasNext()
    {
        byte[] file = Read();
        Sha256Digest found = Sha256Digest.Of(file);
        if (found == _seen)
        {
            return _next is not null;
        }

        _seen = found;
        _next = null;
        try
        {
            SiloPolicy read = SiloPolicy.Open(file, _administrator);
            _next = read.Digest() == Current.Digest() ? null : read;
        }
        catch (FedCloudException error)
        {
            _refuse(new FedCloudException(error.Code, $"{error.Found}; the policy {Current.Digest().Hex[..12]} stays in force", error.NextStep, error));
        }

        return _next is not null;
    }

    /// <summary>Puts the policy that waits into force.</summary>
    public void Take()
    {
        Current = _next ?? throw new InvalidOperationException("no policy waits");
        _next = null;
    }

    // Empty, which is no policy, where nothing can be read. The file is replaced at once, so what is read is whole.
    private byte[] Read()
    {
        try
        {
            return File.ReadAllBytes(_path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            return [];
        }
    }
}
