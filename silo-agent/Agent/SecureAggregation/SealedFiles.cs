// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Security.Cryptography;
using System.Text;
using FedCloud.Cloud.Keys;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.SecureAggregation;

namespace FedCloud.SiloAgent.SecureAggregation;

/// <summary>Secrets in files, encrypted under one key of this home, each erasable by itself.</summary>
/// <remarks>
/// A file is nonce (12 bytes), ciphertext, tag (16 bytes), mode 0600, and is replaced whole or not at all. It is named by its path below
/// the folder, parts divided by '/', which the encryption binds: a file under another name does not open.
/// </remarks>
internal sealed class SealedFiles : IDisposable
{
    private readonly string _folder;
    private readonly SecretBytes _key;

    /// <summary>Opens a folder of secrets, making it and the key when they do not exist.</summary>
    /// <exception cref="FedCloudException"><c>key_file_permissions</c>, <c>key_unusable</c>, <c>disk_full</c>.</exception>
    public SealedFiles(string folder, string keyPath)
    {
        PrivateFolder.Make(folder);
        _folder = folder;
        _key = MakeOrReadKey(keyPath);
    }

    private static ReadOnlySpan<byte> Label => "fedcloud/silo/v1/at-rest\0"u8;

    /// <summary>The error of a file whose contents cannot be used.</summary>
    public static FedCloudException Broken(string name) => new(ErrorCodes.EpochSecretsBroken, $"expected {name} as this home wrote it, found other bytes");

    /// <summary>Whether there is a file.</summary>
    public bool Exists(string name) => File.Exists(PathOf(name));

    /// <summary>Writes a file, in place of one that may be there.</summary>
    /// <exception cref="FedCloudException"><c>disk_full</c>.</exception>
    public void Write(string name, ReadOnlySpan<byte> secret) => PrivateFile.Write(PlaceOf(name), Seal(name, secret));

    /// <summary>Writes a file unless there is one.</summary>
    /// <exception cref="FedCloudException"><c>disk_full</c>.</exception>
    public void WriteIfAbsent(string name, ReadOnlySpan<byte> secret) => _ = PrivateFile.WriteIfAbsent(PlaceOf(name), Seal(name, secret));

    /// <summary>Reads a file; the caller disposes the secret.</summary>
    /// <returns>Null when there is none.</returns>
    /// <exception cref="FedCloudException"><c>epoch_secrets_broken</c>, <c>key_file_permissions</c>.</exception>
    public SecretBytes? Read(string name) => Exists(name) ? Open(name, PrivateFile.Read(PathOf(name))) : null;

    /// <summary>Overwrites a file with zeros and deletes it, and with it what a crash left of writing or erasing it.</summary>
    /// <remarks>The file loses its name first: a crash leaves it whole or gone, and a leftover is erased the next time.</remarks>
    public void Erase(string name)
    {
        string path = PathOf(name);
        string folder = FolderOf(path);
        if (File.Exists(path))
        {
            File.Move(path, $"{path}.{Guid.NewGuid():N}.tmp");
            PrivateFolder.Flush(folder);
        }

        string[] nameless = Directory.Exists(folder) ? Directory.GetFiles(folder, Path.GetFileName(path) + ".*.tmp") : [];
        foreach (string file in nameless)
        {
            Overwrite(file);
            File.Delete(file);
        }

        if (nameless.Length > 0)
        {
            PrivateFolder.Flush(folder);
        }
    }

    /// <summary>Zeroes the key.</summary>
    public void Dispose() => _key.Dispose();

    // AES-256-GCM with a random nonce of 96 bits: at most 2^32 files under one key (NIST SP 800-38D, section 8.3).
    private byte[] Seal(string name, ReadOnlySpan<byte> secret)
    {
        byte[] file = new byte[AesGcm.NonceByteSizes.MaxSize + secret.Length + AesGcm.TagByteSizes.MaxSize];
        (Range nonce, Range ciphertext, Range tag) = Parts(file.Length);
        RandomNumberGenerator.Fill(file.AsSpan()[nonce]);
        using AesGcm cipher = new(_key.Span, AesGcm.TagByteSizes.MaxSize);
        cipher.Encrypt(file.AsSpan()[nonce], secret, file.AsSpan()[ciphertext], file.AsSpan()[tag], AssociatedData(name));
        return file;
    }

    private SecretBytes Open(string name, byte[] file)
    {
        int length = file.Length - AesGcm.NonceByteSizes.MaxSize - AesGcm.TagByteSizes.MaxSize;
        SecretBytes secret = new(Math.Max(0, length));
        try
        {
            if (length >= 0)
            {
                (Range nonce, Range ciphertext, Range tag) = Parts(file.Length);
                using AesGcm cipher = new(_key.Span, AesGcm.TagByteSizes.MaxSize);
                cipher.Decrypt(file.AsSpan()[nonce], file.AsSpan()[ciphertext], file.AsSpan()[tag], secret.Span, AssociatedData(name));
                return secret;
            }
        }
        catch (AuthenticationTagMismatchException)
        {
            // The library has zeroed what it decrypted.
        }

        throw Broken(name);
    }

    // Label, zero byte, and the file's name, of which an epoch's sid is a part.
    private static byte[] AssociatedData(string name) => [.. Label, .. Encoding.ASCII.GetBytes(name)];

    private static (Range Nonce, Range Ciphertext, Range Tag) Parts(int length)
    {
        int nonce = AesGcm.NonceByteSizes.MaxSize;
        int tag = length - AesGcm.TagByteSizes.MaxSize;
        return (..nonce, nonce..tag, tag..);
    }

    private static void Overwrite(string path)
    {
        using FileStream file = new(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite); // no reader may stop it
        file.Write(new byte[file.Length]);
        file.Flush(flushToDisk: true);
    }

    private static SecretBytes MakeOrReadKey(string path)
    {
        if (!File.Exists(path))
        {
            using SecretBytes fresh = new(Fcsa1.KeyBytes);
            RandomNumberGenerator.Fill(fresh.Span);
            PrivateFolder.Make(FolderOf(path));
            _ = PrivateFile.WriteIfAbsent(path, fresh.Span);
        }

        byte[] stored = PrivateFile.Read(path);
        SecretBytes key = new(stored);
        CryptographicOperations.ZeroMemory(stored);
        return key.Length == Fcsa1.KeyBytes ? key : throw new FedCloudException(ErrorCodes.KeyUnusable, $"{Path.GetFileName(path)}: expected {Fcsa1.KeyBytes} bytes, found {key.Length}");
    }

    private string PlaceOf(string name)
    {
        string path = PathOf(name);
        PrivateFolder.Make(FolderOf(path));
        return path;
    }

    private string PathOf(string name) => Path.Combine([_folder, .. name.Split('/')]);

    private static string FolderOf(string path) => Path.GetDirectoryName(Path.GetFullPath(path)) ?? path;
}
