// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Buffers;
using System.Buffers.Text;
using System.Runtime.InteropServices;
using System.Text;
using FedCloud.Cloud.Blobs;
using FedCloud.Coordinator.Storage;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.SecureAggregation;
using FedCloud.SiloAgent.SecureAggregation;

namespace FedCloud.Simulation.Tests.Whole;

/// <summary>Takes every epoch's secrets from the silos' homes before they are erased, and looks for them, and for updates, in everything that was ever stored or said.</summary>
internal sealed class SecretSearch : IDisposable
{
    private static readonly SearchValues<byte> Base64Letters = SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"u8);

    // Base64 in JSON is looked into, as deep as a body in an envelope in a parcel lies.
    private const int Depth = 3;
    private const int ShortestText = 40;
    private const int Window = 16;

    private readonly Dictionary<ulong, List<(byte[] Bytes, string What)>> _wanted = [];
    private readonly HashSet<(SiloId, Sha256Digest)> _made = [];
    private readonly HashSet<(SiloId, Sha256Digest)> _held = [];
    private readonly HashSet<(SiloId, RunId, long)> _coins = [];
    private readonly Dictionary<SiloId, EpochVault> _vaults = [];
    private readonly List<(BlobName Name, byte[] Bytes)> _written = [];

    /// <summary>How many secrets are known.</summary>
    public int Secrets { get; private set; }

    /// <summary>How many keys of coins are among them.</summary>
    public int CoinKeys => _coins.Count;

    /// <summary>Notes what is stored, also what is deleted later.</summary>
    public void Note(BlobName name, byte[] bytes) => _written.Add((name, bytes));

    /// <summary>Reads a silo's secrets that were not seen before.</summary>
    public void Collect(SimulatedSilo silo)
    {
        if (!silo.IsSetUp)
        {
            return;
        }

        EpochVault vault = CollectionsMarshal.GetValueRefOrAddDefault(_vaults, silo.Id, out _) ??= silo.Epochs();
        foreach ((RunId job, long round) in silo.CoinKeys().Where(coins => _coins.Add((silo.Id, coins.Job, coins.Round))))
        {
            using SecretBytes key = vault.CoinKeyOf(job, round);
            WantSecret(key.Span, $"a key of coins of {silo.Id}");
        }

        foreach (Sha256Digest sid in vault.Epochs)
        {
            if (_made.Add((silo.Id, sid)))
            {
                CollectOwn(silo.Id, vault, sid);
            }

            if (!_held.Contains((silo.Id, sid)) && TryHeld(silo.Id, vault, sid))
            {
                _held.Add((silo.Id, sid));
            }
        }
    }

    /// <summary>Wants a run of binary32 values, from any value on.</summary>
    public void Want(ReadOnlySpan<float> values, string what)
    {
        ReadOnlySpan<byte> bytes = MemoryMarshal.AsBytes(values);
        for (int at = 0; at + Window <= bytes.Length; at += sizeof(float))
        {
            Want(bytes.Slice(at, Window).ToArray(), what);
        }
    }

    /// <summary>What was found, and where: nothing, if all is well.</summary>
    /// <param name="said">What was reported and thrown.</param>
    public IEnumerable<string> Find(IEnumerable<string> said)
    {
        foreach ((BlobName name, byte[] bytes) in _written)
        {
            bool isOpened = string.Equals(name.Container, StorageNames.Rounds, StringComparison.Ordinal) && name.Path.EndsWith("/secrets.json", StringComparison.Ordinal);
            if (!isOpened && Find(bytes, Depth) is { } found)
            {
                yield return $"{name} shows {found}";
            }
        }

        foreach (string line in said)
        {
            if (Find(Encoding.UTF8.GetBytes(line), 1) is { } found)
            {
                yield return $"somebody said {found}";
            }
        }
    }

    public void Dispose()
    {
        foreach (EpochVault vault in _vaults.Values)
        {
            vault.Dispose();
        }
    }

    private void CollectOwn(SiloId silo, EpochVault vault, Sha256Digest sid)
    {
        using EpochSecrets secrets = vault.Read(sid);
        byte[] stored = new byte[secrets.StoredBytes];
        secrets.CopyTo(stored);
        for (int at = stored.Length - ((stored.Length / Fcsa1.KeyBytes) * Fcsa1.KeyBytes); at < stored.Length; at += Fcsa1.KeyBytes)
        {
            WantSecret(stored.AsSpan(at, Fcsa1.KeyBytes), $"a secret of {silo}");
        }
    }

    private bool TryHeld(SiloId silo, EpochVault vault, Sha256Digest sid)
    {
        int slots;
        using (EpochSecrets secrets = vault.Read(sid))
        {
            slots = secrets.Slots;
        }

        for (int slot = 0; slot < slots; slot++)
        {
            try
            {
                using HeldShares held = vault.ReadHeld(sid, slot);
                foreach (int dealer in held.U2)
                {
                    WantSecret(held.Of(dealer).Share(slot, ShareKind.PairwiseKey), $"a share that {silo} holds");
                    WantSecret(held.Of(dealer).Share(slot, ShareKind.SelfSeed), $"a share that {silo} holds");
                }
            }
            catch (FedCloudException missing) when (missing.Code == ErrorCodes.KeyMissing)
            {
                return false;
            }
        }

        return true;
    }

    private void WantSecret(ReadOnlySpan<byte> secret, string what)
    {
        if (secret.ContainsAnyExcept((byte)0))
        {
            Secrets++;
            Want(secret.ToArray(), what);
            Want(Encoding.ASCII.GetBytes(Convert.ToHexStringLower(secret)), what);
            Want(Encoding.ASCII.GetBytes(Convert.ToHexString(secret)), what);
            Want(Encoding.ASCII.GetBytes(Convert.ToBase64String(secret)[..^2]), what);
            Want(Encoding.ASCII.GetBytes(Base64Url.EncodeToString(secret)[..^1]), what);
        }
    }

    private void Want(byte[] bytes, string what)
    {
        ref List<(byte[] Bytes, string What)>? wanted = ref CollectionsMarshal.GetValueRefOrAddDefault(_wanted, MemoryMarshal.Read<ulong>(bytes), out _);
        (wanted ??= []).Add((bytes, what));
    }

    private string? Find(ReadOnlySpan<byte> text, int depth)
    {
        for (int at = 0; at + sizeof(ulong) <= text.Length; at++)
        {
            if (_wanted.TryGetValue(MemoryMarshal.Read<ulong>(text[at..]), out List<(byte[] Bytes, string What)>? candidates))
            {
                foreach ((byte[] bytes, string what) in candidates)
                {
                    if (text[at..].StartsWith(bytes))
                    {
                        return what;
                    }
                }
            }
        }

        return depth == 0 ? null : FindInside(text, depth);
    }

    private string? FindInside(ReadOnlySpan<byte> text, int depth)
    {
        for (int at = 0; at < text.Length; at++)
        {
            int length = text[at..].IndexOfAnyExcept(Base64Letters);
            length = length < 0 ? text.Length - at : length;
            if (length >= ShortestText)
            {
                byte[] inner = new byte[length];
                if (Base64.DecodeFromUtf8(text.Slice(at, length / 4 * 4), inner, out _, out int written) == OperationStatus.Done
                    && Find(inner.AsSpan(0, written), depth - 1) is { } found)
                {
                    return found;
                }
            }

            at += length;
        }

        return null;
    }
}
