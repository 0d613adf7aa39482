// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Runtime.Versioning;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Identity;
using FedCloud.Protocol.SecureAggregation;
using FedCloud.Protocol.Tests.SecureAggregation;
using FedCloud.SiloAgent.SecureAggregation;
using FsCheck;
using FsCheck.Fluent;
using Xunit;

namespace FedCloud.SiloAgent.Tests.SecureAggregation;

/// <summary>A silo's epoch secrets on disk.</summary>
[UnsupportedOSPlatform("windows")]
public sealed class EpochVaultTests : IDisposable
{
    private const int Slots = 3;

    private static readonly RunId Job = new("run-1");

    private readonly string _home = Directory.CreateTempSubdirectory().FullName;
    private readonly TestFederation _federation = new(4, Slots);
    private readonly EpochVault _vault;

    public EpochVaultTests() => _vault = Reopen();

    private Sha256Digest Sid => _federation.Parameters.Sid();

    private string Folder => Path.Combine(_home, "epochs");

    private string KeyPath => Path.Combine(_home, "keys", "at-rest.key");

    private string[] SecretFiles => Directory.GetFiles(Path.Combine(Folder, Sid.Hex));

    public void Dispose()
    {
        _vault.Dispose();
        Directory.Delete(_home, recursive: true);
    }

    [Fact]
    public void MakeOrRead_AfterACrash_GivesTheSameSecrets()
    {
        byte[] made = Advertised(_vault);

        using EpochVault again = Reopen();

        Assert.Equal(made, Advertised(again));
        Assert.Equal([Sid], again.Epochs);
    }

    [Fact]
    public void MakeOrRead_CrashBeforeTheLastPiece_MakesAllAnew()
    {
        byte[] first = Advertised(_vault);
        File.Delete(PathOf("agreement-key"));
        File.WriteAllBytes(PathOf("agreement-key") + ".0.tmp", [1, 2, 3]);

        byte[] second = Advertised(_vault);

        Assert.NotEqual(first, second);
        Assert.Equal(second, Advertised(_vault));
    }

    [Fact]
    public void MakeOrRead_WritingFailsHalfway_MadeNothing()
    {
        string inTheWay = Directory.CreateDirectory(PathOf("slot-00"), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute).FullName;
        File.SetUnixFileMode(Path.Combine(Folder, Sid.Hex), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);

        Assert.Equal(ErrorCodes.DiskFull, Code(() => Make(_vault)));
        Assert.Equal(ErrorCodes.KeyMissing, Code(() => _vault.Read(Sid)));

        Directory.Delete(inTheWay);
        Assert.Equal(Advertised(_vault), Advertised(_vault));
    }

    [Fact]
    public void MakeOrRead_PublicEpochWithoutSecrets_IsRefused()
    {
        _vault.PutPublic(Sid, "advertise", Advertised(_vault));
        _vault.EndEpoch(Sid);

        Assert.Equal(ErrorCodes.KeyMissing, Code(() => Make(_vault)));
        Assert.NotNull(_vault.GetPublic(Sid, "advertise"));
    }

    [Fact]
    public void MakeOrRead_OtherIndex_IsRefused()
    {
        Make(_vault).Dispose();

        Assert.Equal(ErrorCodes.EpochSecretsBroken, Code(() => _vault.MakeOrRead(_federation.Parameters, 2, _federation.Fill)));
    }

    [Fact]
    public void Read_NothingThere_IsRefused()
    {
        Make(_vault).Dispose();
        Sha256Digest other = Sha256Digest.Of("other"u8);

        Assert.Equal(ErrorCodes.KeyMissing, Code(() => _vault.Read(other)));
        Assert.Equal(ErrorCodes.KeyMissing, Code(() => _vault.ReadOwnShares(Sid)));
        Assert.Equal(ErrorCodes.KeyMissing, Code(() => _vault.ReadHeld(Sid, 0)));
    }

    [Fact]
    public void EraseCoefficientSeed_SharesCannotBeMadeAgain()
    {
        Make(_vault).Dispose();
        _vault.EraseCoefficientSeed(Sid);
        _vault.EraseCoefficientSeed(Sid);

        using EpochSecrets secrets = Make(_vault);

        Assert.Throws<ObjectDisposedException>(() => DealtShares.Deal(_federation.Members, secrets));
    }

    [Fact]
    public void ReadOwnShares_AfterPut_AreTheDealtOnes()
    {
        Make(_vault).Dispose();
        _vault.PutOwnShares(Sid, _federation.Dealt[1].Own);

        using ShareBundle read = Reopen().ReadOwnShares(Sid);

        Assert.Equal(_federation.Dealt[1].Own.Bytes.ToArray(), read.Bytes.ToArray());
    }

    [Fact]
    public void ReadHeld_OneSlot_RevealsTheSameAndNoOtherSlot()
    {
        Make(_vault).Dispose();
        RoundScope scope = _federation.Scope(10, Ring.K32, slot: 1);
        TestRound round = new(_federation, scope, new Dictionary<int, byte[]> { [1] = new byte[40], [2] = new byte[40], [4] = new byte[40] });
        using HeldShares held = _federation.Held(1);
        _vault.PutHeld(Sid, held);

        using HeldShares read = _vault.ReadHeld(Sid, 1);

        Assert.Equal(SecureAggregationBody.Encode(held.Unmask(scope, round.Agreement)), SecureAggregationBody.Encode(read.Unmask(scope, round.Agreement)));
        Assert.Throws<ObjectDisposedException>(() => read.Of(2).Share(0, ShareKind.SelfSeed).ToArray());
        Assert.Throws<ObjectDisposedException>(() => read.Of(2).Share(2, ShareKind.PairwiseKey).ToArray());
    }

    [Fact]
    public void EraseSlot_ItsSecretsAndShares_AreGoneAndStayGone()
    {
        Fill(_vault);
        _vault.EraseSlot(Sid, 0);
        _vault.EraseSlot(Sid, 0);
        using HeldShares held = _federation.Held(1);
        _vault.PutOwnShares(Sid, _federation.Dealt[1].Own);
        _vault.PutHeld(Sid, held);

        using EpochSecrets secrets = Make(_vault);
        using ShareBundle own = _vault.ReadOwnShares(Sid);
        using HeldShares second = _vault.ReadHeld(Sid, 1);

        Assert.Throws<ObjectDisposedException>(() => RoundMasks.OfSilo(_federation.Scope(10, Ring.K32, slot: 0), secrets));
        Assert.Throws<ObjectDisposedException>(() => own.Share(0, ShareKind.SelfSeed).ToArray());
        Assert.Equal(ErrorCodes.KeyMissing, Code(() => _vault.ReadHeld(Sid, 0)));
        RoundMasks.OfSilo(_federation.Scope(10, Ring.K32, slot: 1), secrets).Dispose();
        Assert.Equal(held.Of(3).Share(1, ShareKind.SelfSeed).ToArray(), second.Of(3).Share(1, ShareKind.SelfSeed).ToArray());
    }

    [Fact]
    public void EraseSlot_FileAndLeftovers_AreOverwritten()
    {
        Fill(_vault);
        string leftover = PathOf("slot-00") + ".1.tmp";
        File.Copy(PathOf("slot-00"), leftover);
        using FileStream file = Watch(PathOf("slot-00"));
        using FileStream other = Watch(leftover);

        _vault.EraseSlot(Sid, 0);

        Assert.All([file, other], stream =>
        {
            byte[] left = new byte[stream.Length];
            stream.ReadExactly(left);
            Assert.Equal(new byte[12 + 64 + 16], left);
        });
        Assert.DoesNotContain(SecretFiles, path => Path.GetFileName(path).EndsWith(".tmp", StringComparison.Ordinal) || path.Contains("-00", StringComparison.Ordinal));

        static FileStream Watch(string path) => new(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
    }

    [Fact]
    public void Erase_InAnyOrderWithRestartsAndRepeats_LeavesExactlyTheRest()
    {
        using HeldShares held = _federation.Held(1);
        Prop.ForAll(ArbMap.Default.ArbFor<int>(), seed =>
        {
            Random random = new(seed);
            string folder = Path.Combine(_home, Guid.NewGuid().ToString("N"));
            bool[] erased = new bool[Slots + 1]; // the slots, and the coefficient seed
            for (int step = 0; step < 12; step++)
            {
                using EpochVault vault = new(folder, KeyPath);
                Make(vault).Dispose();
                Action[] steps =
                [
                    .. Enumerable.Range(0, Slots).Select<int, Action>(slot => () => vault.EraseSlot(Sid, slot)), () => vault.EraseCoefficientSeed(Sid),
                    () => vault.PutOwnShares(Sid, _federation.Dealt[1].Own), () => vault.PutHeld(Sid, held),
                ];
                int chosen = random.Next(steps.Length);
                steps[chosen]();
                erased[Math.Min(chosen, Slots)] |= chosen <= Slots;
            }

            using EpochVault last = new(folder, KeyPath);
            last.PutOwnShares(Sid, _federation.Dealt[1].Own);
            last.PutHeld(Sid, held);
            string[] expected =
            [
                "agreement-key", .. erased[Slots] ? Array.Empty<string>() : ["coefficient-seed"],
                .. Enumerable.Range(0, Slots).Where(slot => !erased[slot]).SelectMany<int, string>(slot => [$"slot-0{slot}", $"own-0{slot}", $"held-0{slot}"]),
            ];
            return expected.Order(StringComparer.Ordinal).SequenceEqual(Directory.GetFiles(Path.Combine(folder, Sid.Hex)).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal));
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(8));
    }

    [Fact]
    public void EndEpoch_EverySecret_IsGoneAndThePublicStays()
    {
        Fill(_vault);
        _vault.PutPublic(Sid, "shares", "body"u8);
        File.Copy(PathOf("held-02"), PathOf("held-02") + ".1.tmp");

        _vault.EndEpoch(Sid);
        _vault.EndEpoch(Sid);

        Assert.Empty(SecretFiles);
        Assert.Empty(_vault.Epochs);
        Assert.Equal("body"u8.ToArray(), _vault.GetPublic(Sid, "shares"));
        Assert.Equal(ErrorCodes.KeyMissing, Code(() => _vault.Read(Sid)));
    }

    [Fact]
    public void Read_ByteChangedInAnyRegion_IsRefused()
    {
        Fill(_vault);
        Action[] reads =
        [
            () => _vault.Read(Sid).Dispose(), () => _vault.ReadOwnShares(Sid).Dispose(), () => _vault.CoinKeyOf(Job, 7).Dispose(),
            .. Enumerable.Range(0, Slots).Select<int, Action>(slot => () => _vault.ReadHeld(Sid, slot).Dispose()),
        ];
        foreach (string path in SecretFiles.Append(Path.Combine(Folder, "coins", "run-1.7")))
        {
            byte[] right = File.ReadAllBytes(path);
            int[] regions = [0, 11, 12, right.Length - 17, right.Length - 16, right.Length - 1]; // first and last of nonce, ciphertext, tag
            byte[][] wrong = [.. regions.Select(at => Flipped(right, at)), right[..^1], right[..5], [], new byte[right.Length]];
            foreach (byte[] bytes in wrong)
            {
                File.WriteAllBytes(path, bytes);
                Assert.Contains(ErrorCodes.EpochSecretsBroken, reads.Select(read => Record.Exception(read) is FedCloudException error ? error.Code : null));
            }

            File.WriteAllBytes(path, right);
            Assert.All(reads, read => read());
        }

        static byte[] Flipped(byte[] right, int at)
        {
            byte[] bytes = [.. right];
            bytes[at] ^= 1;
            return bytes;
        }
    }

    [Fact]
    public void Read_FileOfAnotherNameEpochOrHome_IsRefused()
    {
        Fill(_vault);
        byte[] right = File.ReadAllBytes(PathOf("slot-00"));

        File.Copy(PathOf("slot-01"), PathOf("slot-00"), overwrite: true);
        Assert.Equal(ErrorCodes.EpochSecretsBroken, Code(() => _vault.Read(Sid)));

        EpochParams next = EpochParams.Create(_federation.Parameters.Federation, 2, _federation.Parameters.RosterSha256, 4, Slots);
        _vault.MakeOrRead(next, 1, _federation.Fill).Dispose();
        File.WriteAllBytes(Path.Combine(Folder, next.Sid().Hex, "slot-00"), right);
        Assert.Equal(ErrorCodes.EpochSecretsBroken, Code(() => _vault.Read(next.Sid())));

        File.WriteAllBytes(PathOf("slot-00"), right);
        using EpochVault other = new(Folder, Path.Combine(_home, "keys", "other.key"));
        Assert.Equal(ErrorCodes.EpochSecretsBroken, Code(() => other.Read(Sid)));
        _vault.Read(Sid).Dispose();
    }

    [Fact]
    public void Files_Made_AreForTheirOwnerOnly()
    {
        Fill(_vault);
        _vault.PutPublic(Sid, "shares", "body"u8);

        Assert.All(Directory.GetFiles(_home, "*", SearchOption.AllDirectories), path => Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(path)));
        Assert.All(Directory.GetDirectories(_home, "*", SearchOption.AllDirectories), path => Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(path)));
    }

    [Fact]
    public void Read_OpenToOthers_IsRefused()
    {
        Fill(_vault);
        File.SetUnixFileMode(PathOf("slot-02"), UnixFileMode.UserRead | UnixFileMode.GroupRead);
        Assert.Equal(ErrorCodes.KeyFilePermissions, Code(() => _vault.Read(Sid)));

        File.SetUnixFileMode(Folder, File.GetUnixFileMode(Folder) | UnixFileMode.OtherExecute);
        Assert.Equal(ErrorCodes.KeyFilePermissions, Code(() => Reopen()));

        File.SetUnixFileMode(Folder, File.GetUnixFileMode(Folder) & ~UnixFileMode.OtherExecute);
        File.SetUnixFileMode(KeyPath, UnixFileMode.UserRead | UnixFileMode.OtherRead);
        Assert.Equal(ErrorCodes.KeyFilePermissions, Code(() => Reopen()));
    }

    [Fact]
    public void Open_KeyOfAnotherLength_IsRefused()
    {
        File.WriteAllBytes(KeyPath, new byte[31]);

        Assert.Equal(ErrorCodes.KeyUnusable, Code(() => Reopen()));
    }

    [Fact]
    public void Files_All_HoldNoSecretInTheClear()
    {
        Fill(_vault);
        using EpochSecrets secrets = Make(_vault);
        byte[] stored = new byte[secrets.StoredBytes];
        secrets.CopyTo(stored);
        using SecretBytes coins = _vault.CoinKeyOf(Job, 7);
        using HeldShares held = _federation.Held(1);
        byte[][] parts =
        [
            .. stored[4..].Chunk(32), .. held.U2.SelectMany(dealer => held.Of(dealer).Bytes.ToArray().Chunk(32)), coins.Span.ToArray(), File.ReadAllBytes(KeyPath),
        ];
        byte[][] files = [.. Directory.GetFiles(Folder, "*", SearchOption.AllDirectories).Select(File.ReadAllBytes)];

        Assert.Equal(2 + (2 * Slots) + (4 * 2 * Slots) + 2, parts.Length);
        Assert.Equal(2 + (3 * Slots) + 1, files.Length);
        Assert.All(parts, part => Assert.All(files, file => Assert.True(file.AsSpan().IndexOf(part.AsSpan(0, 8)) < 0)));
    }

    [Fact]
    public void Write_Twice_UsesAnotherNonce()
    {
        Fill(_vault);
        byte[] before = File.ReadAllBytes(PathOf("own-00"));

        _vault.PutOwnShares(Sid, _federation.Dealt[1].Own);

        Assert.NotEqual(before[..12], File.ReadAllBytes(PathOf("own-00"))[..12]);
    }

    [Fact]
    public void GetPublic_AfterPut_HasTheLastBytes()
    {
        _vault.PutPublic(Sid, "shares-ciphertext-2", "first"u8);
        _vault.PutPublic(Sid, "shares-ciphertext-2", "second"u8);

        Assert.Equal("second"u8.ToArray(), Reopen().GetPublic(Sid, "shares-ciphertext-2"));
        Assert.Null(_vault.GetPublic(Sid, "shares-ciphertext-3"));
        Assert.Equal(ErrorCodes.IdMalformed, Code(() => _vault.PutPublic(Sid, "../shares", "first"u8)));
        Assert.Empty(_vault.Epochs);
    }

    [Fact]
    public void CoinKeyOf_ARound_IsOneUntilItIsForgotten()
    {
        byte[] key = Coins(_vault, 7);

        Assert.Equal(key, Coins(Reopen(), 7));
        Assert.NotEqual(key, Coins(_vault, 70));
        _vault.ForgetCoinKey(Job, 7);
        _vault.ForgetCoinKey(Job, 7);
        Assert.NotEqual(key, Coins(_vault, 7));
        Assert.Empty(_vault.Epochs);

        static byte[] Coins(EpochVault vault, long round)
        {
            using SecretBytes coins = vault.CoinKeyOf(Job, round);
            return coins.Span.ToArray();
        }
    }

    private static ErrorCode Code(Action action) => Assert.Throws<FedCloudException>(action).Code;

    private EpochVault Reopen() => new(Folder, KeyPath);

    private string PathOf(string piece) => Path.Combine(Folder, Sid.Hex, piece);

    private EpochSecrets Make(EpochVault vault) => vault.MakeOrRead(_federation.Parameters, 1, _federation.Fill);

    private byte[] Advertised(EpochVault vault)
    {
        using EpochSecrets secrets = Make(vault);
        return SecureAggregationBody.Encode(secrets.Advertise(_federation.Parameters));
    }

    private void Fill(EpochVault vault)
    {
        Make(vault).Dispose();
        vault.PutOwnShares(Sid, _federation.Dealt[1].Own);
        using HeldShares held = _federation.Held(1);
        vault.PutHeld(Sid, held);
        vault.CoinKeyOf(Job, 7).Dispose();
    }
}
