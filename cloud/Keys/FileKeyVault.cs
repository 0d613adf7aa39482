// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;
using System.Security.Cryptography;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.Safetensors;

namespace FedCloud.Cloud.Keys;

/// <summary>A key vault in files: PKCS#8 of mode 0600 in a folder of mode 0700, with versions and rotation as in the cloud.</summary>
/// <remarks>A version is <c>{name}/{number}.p8</c>; <c>{number}.disabled</c> beside it disables it. The kid is <c>file:{name}/{number}</c>.</remarks>
public sealed class FileKeyVault : IKeyVault
{
    private const UnixFileMode FolderMode = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
    private const string Scheme = "file:";

    private readonly string _folder;

    /// <summary>Opens a vault, making its folder when it does not exist.</summary>
    /// <exception cref="FedCloudException"><c>key_file_permissions</c>.</exception>
    public FileKeyVault(string folder)
    {
        _folder = folder;
        MakeFolder(folder);
    }

    /// <inheritdoc/>
    public async Task<KeyVersion> EnsureAsync(string name, KeyKind kind, CancellationToken cancellation)
    {
        IReadOnlyList<KeyVersion> versions = await ListVersionsAsync(name, cancellation);
        return versions.LastOrDefault(version => version.Enabled) ?? Create(name, versions.Count + 1, kind);
    }

    /// <inheritdoc/>
    public Task<IReadOnlyList<KeyVersion>> ListVersionsAsync(string name, CancellationToken cancellation)
    {
        string folder = Path.Combine(_folder, Identifier.Require(name, "key name"));
        IReadOnlyList<KeyVersion> versions = Directory.Exists(folder)
            ? [.. Directory.GetFiles(folder, "*.p8").Order(StringComparer.Ordinal).Select(path => Describe(name, path))]
            : [];
        return Task.FromResult(versions);
    }

    /// <inheritdoc/>
    public async Task<KeyVersion> RotateAsync(string name, CancellationToken cancellation)
    {
        IReadOnlyList<KeyVersion> versions = await ListVersionsAsync(name, cancellation);
        return versions.Count == 0
            ? throw new FedCloudException(ErrorCodes.KeyMissing, $"there is no key {name}")
            : Create(name, versions.Count + 1, versions[^1].Kind);
    }

    /// <inheritdoc/>
    public Task DisableAsync(string kid, CancellationToken cancellation)
    {
        string path = PathOf(kid) ?? throw new FedCloudException(ErrorCodes.KeyMissing, "there is no such key version");
        WholeFile.Write(Path.ChangeExtension(path, ".disabled"), ReadOnlyMemory<byte>.Empty);
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task<byte[]> SignAsync(string kid, byte[] digest, CancellationToken cancellation)
    {
        string path = PathOf(kid) ?? throw new FedCloudException(ErrorCodes.KeyMissing, "there is no such key version");
        RequireEnabled(path);
        using ECDsa key = Load(path) as ECDsa ?? throw new FedCloudException(ErrorCodes.KeyMissing, "the key version does not sign");
        return Task.FromResult(key.SignHash(digest, DSASignatureFormat.IeeeP1363FixedFieldConcatenation));
    }

    /// <inheritdoc/>
    public Task<byte[]> UnwrapAsync(string kid, byte[] wrapped, CancellationToken cancellation)
    {
        string path = PathOf(kid) ?? throw new FedCloudException(ErrorCodes.KeyRetired, "the envelope names a key version that this vault does not have");
        RequireEnabled(path);
        using RSA key = Load(path) as RSA ?? throw new FedCloudException(ErrorCodes.KeyRetired, "the envelope names a key that does not unwrap");
        try
        {
            return Task.FromResult(key.Decrypt(wrapped, RSAEncryptionPadding.OaepSHA256));
        }
        catch (CryptographicException error)
        {
            throw new FedCloudException(ErrorCodes.EnvelopeTampered, "the data key does not unwrap", cause: error);
        }
    }

    private static void RequireEnabled(string path)
    {
        if (File.Exists(Path.ChangeExtension(path, ".disabled")))
        {
            throw new FedCloudException(ErrorCodes.KeyRetired, "the key version is disabled");
        }
    }

    private KeyVersion Create(string name, int number, KeyKind kind)
    {
        string folder = Path.Combine(_folder, name);
        MakeFolder(folder);
        using AsymmetricAlgorithm key = kind == KeyKind.EcP256 ? ECDsa.Create(ECCurve.NamedCurves.nistP256) : RSA.Create(3072);
        string path = Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"{number:D4}.p8"));
        byte[] secret = key.ExportPkcs8PrivateKey();
        try
        {
            PrivateFile.Write(path, secret);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(secret);
        }

        return Describe(name, path);
    }

    private static KeyVersion Describe(string name, string path)
    {
        using AsymmetricAlgorithm key = Load(path);
        string kid = $"{Scheme}{name}/{Path.GetFileNameWithoutExtension(path)}";
        return new KeyVersion(kid, name, key is ECDsa ? KeyKind.EcP256 : KeyKind.Rsa3072, key.ExportSubjectPublicKeyInfo(), !File.Exists(Path.ChangeExtension(path, ".disabled")));
    }

    private static AsymmetricAlgorithm Load(string path)
    {
        byte[] secret = PrivateFile.Read(path);
        try
        {
            // An RSA-3072 PKCS#8 has more than 1,000 bytes, one of P-256 fewer than 200.
            AsymmetricAlgorithm key = secret.Length > 512 ? RSA.Create() : ECDsa.Create();
            key.ImportPkcs8PrivateKey(secret, out _);
            return key;
        }
        finally
        {
            CryptographicOperations.ZeroMemory(secret);
        }
    }

    private string? PathOf(string kid)
    {
        string[] parts = kid.StartsWith(Scheme, StringComparison.Ordinal) ? kid[Scheme.Length..].Split('/') : [];
        if (parts.Length != 2 || !Identifier.IsValid(parts[0]) || parts[1].Length != 4 || !parts[1].All(char.IsAsciiDigit))
        {
            return null;
        }

        string path = Path.Combine(_folder, parts[0], parts[1] + ".p8");
        return File.Exists(path) ? path : null;
    }

    private static void MakeFolder(string folder)
    {
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(folder);
            return;
        }

        Directory.CreateDirectory(folder, FolderMode);
        if ((File.GetUnixFileMode(folder) & ~FolderMode) != UnixFileMode.None)
        {
            throw new FedCloudException(ErrorCodes.KeyFilePermissions, $"expected mode 0700 on the key folder {Path.GetFileName(folder)}, found a wider one");
        }
    }
}

/// <summary>Files that only their owner may read.</summary>
public static class PrivateFile
{
    private const UnixFileMode Mode = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>Writes a file whole or not at all, with mode 0600 from its first byte.</summary>
    /// <exception cref="FedCloudException"><c>disk_full</c>.</exception>
    public static void Write(string path, ReadOnlySpan<byte> bytes)
    {
        string temporary = path + ".tmp";
        try
        {
            FileStreamOptions options = new() { Mode = FileMode.Create, Access = FileAccess.Write, Share = FileShare.None };
            if (!OperatingSystem.IsWindows())
            {
                options.UnixCreateMode = Mode;
            }

            using (FileStream stream = new(temporary, options))
            {
                stream.Write(bytes);
                stream.Flush(flushToDisk: true);
            }

            File.Move(temporary, path, overwrite: true);
        }
        catch (IOException error)
        {
            File.Delete(temporary);
            throw new FedCloudException(ErrorCodes.DiskFull, $"{Path.GetFileName(path)} could not be written: {error.Message}", cause: error);
        }
    }

    /// <summary>Reads a file that only its owner may read.</summary>
    /// <exception cref="FedCloudException"><c>key_file_permissions</c> or <c>file_missing</c>.</exception>
    public static byte[] Read(string path)
    {
        if (!File.Exists(path))
        {
            throw new FedCloudException(ErrorCodes.FileMissing, $"expected the file {Path.GetFileName(path)}, found none");
        }

        if (!OperatingSystem.IsWindows() && (File.GetUnixFileMode(path) & ~Mode) != UnixFileMode.None)
        {
            throw new FedCloudException(ErrorCodes.KeyFilePermissions, $"expected mode 0600 on {Path.GetFileName(path)}, found a wider one");
        }

        return File.ReadAllBytes(path);
    }
}
