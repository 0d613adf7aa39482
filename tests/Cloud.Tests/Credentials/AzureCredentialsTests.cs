// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Runtime.Versioning;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Azure.Core;
using Azure.Identity;
using FedCloud.Cloud.Credentials;
using FedCloud.Protocol.Errors;
using Xunit;

namespace FedCloud.Cloud.Tests.Credentials;

/// <summary>Identities from settings.</summary>
[UnsupportedOSPlatform("windows")]
public sealed class AzureCredentialsTests : IDisposable
{
    private const string Id = "11111111-2222-3333-4444-555555555555";
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private readonly string _folder = Directory.CreateTempSubdirectory("fedcloud-identity-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData("managed FEDCLOUD_IDENTITY_CLIENT=ID", IdentityKind.Managed)]
    [InlineData("arc", IdentityKind.Arc)]
    [InlineData("workload FEDCLOUD_IDENTITY_CLIENT=ID FEDCLOUD_IDENTITY_TENANT=ID AZURE_FEDERATED_TOKEN_FILE=/token", IdentityKind.Workload)]
    [InlineData("workload AZURE_CLIENT_ID=ID AZURE_TENANT_ID=ID AZURE_FEDERATED_TOKEN_FILE=/token", IdentityKind.Workload)]
    [InlineData("certificate FEDCLOUD_IDENTITY_CLIENT=ID FEDCLOUD_IDENTITY_TENANT=ID FEDCLOUD_IDENTITY_CERTIFICATE=/pem", IdentityKind.Certificate)]
    [InlineData("certificate FEDCLOUD_IDENTITY_CLIENT=ID FEDCLOUD_IDENTITY_TENANT=ID FEDCLOUD_IDENTITY_THUMBPRINT=AB", IdentityKind.Certificate)]
    [InlineData("cli", IdentityKind.Cli)]
    [InlineData("cli FEDCLOUD_IDENTITY_TENANT=ID", IdentityKind.Cli)]
    public void Settings_OfAKind_AreRead(string settings, IdentityKind expected)
    {
        Assert.Equal(expected, Read(settings).Kind);
    }

    [Theory]
    [InlineData("", "FEDCLOUD_IDENTITY")]
    [InlineData(" ", "FEDCLOUD_IDENTITY")]
    [InlineData("default", "FEDCLOUD_IDENTITY")]
    [InlineData("Managed FEDCLOUD_IDENTITY_CLIENT=ID", "FEDCLOUD_IDENTITY")]
    [InlineData("managed", "FEDCLOUD_IDENTITY_CLIENT")]
    [InlineData("managed FEDCLOUD_IDENTITY_CLIENT=my-identity", "FEDCLOUD_IDENTITY_CLIENT")]
    [InlineData("managed FEDCLOUD_IDENTITY_CLIENT=ID FEDCLOUD_IDENTITY_TENANT=ID", "FEDCLOUD_IDENTITY_TENANT")]
    [InlineData("managed FEDCLOUD_IDENTITY_CLIENT=ID FEDCLOUD_IDENTITY_CERTIFICATE=/pem", "FEDCLOUD_IDENTITY_CERTIFICATE")]
    [InlineData("arc FEDCLOUD_IDENTITY_CLIENT=ID", "FEDCLOUD_IDENTITY_CLIENT")]
    [InlineData("workload FEDCLOUD_IDENTITY_CLIENT=ID FEDCLOUD_IDENTITY_TENANT=ID", "AZURE_FEDERATED_TOKEN_FILE")]
    [InlineData("workload FEDCLOUD_IDENTITY_TENANT=ID AZURE_FEDERATED_TOKEN_FILE=/token", "AZURE_CLIENT_ID")]
    [InlineData("workload AZURE_CLIENT_ID=ID AZURE_FEDERATED_TOKEN_FILE=/token", "AZURE_TENANT_ID")]
    [InlineData("workload AZURE_CLIENT_ID=ID AZURE_TENANT_ID=ID AZURE_FEDERATED_TOKEN_FILE=/token FEDCLOUD_IDENTITY_THUMBPRINT=AB", "FEDCLOUD_IDENTITY_THUMBPRINT")]
    [InlineData("certificate FEDCLOUD_IDENTITY_CLIENT=ID FEDCLOUD_IDENTITY_TENANT=ID", "FEDCLOUD_IDENTITY_CERTIFICATE")]
    [InlineData("certificate FEDCLOUD_IDENTITY_CLIENT=ID FEDCLOUD_IDENTITY_TENANT=ID FEDCLOUD_IDENTITY_CERTIFICATE=/pem FEDCLOUD_IDENTITY_THUMBPRINT=AB", "FEDCLOUD_IDENTITY_THUMBPRINT")]
    [InlineData("certificate FEDCLOUD_IDENTITY_TENANT=ID FEDCLOUD_IDENTITY_CERTIFICATE=/pem", "FEDCLOUD_IDENTITY_CLIENT")]
    [InlineData("certificate FEDCLOUD_IDENTITY_CLIENT=ID FEDCLOUD_IDENTITY_CERTIFICATE=/pem", "FEDCLOUD_IDENTITY_TENANT")]
    [InlineData("cli FEDCLOUD_IDENTITY_CLIENT=ID", "FEDCLOUD_IDENTITY_CLIENT")]
    public void Settings_MissingOrContradictory_NameTheSetting(string settings, string named)
    {
        FedCloudException error = Assert.Throws<FedCloudException>(() => Read(settings));

        Assert.Equal(ErrorCodes.SettingMissing, error.Code);
        Assert.StartsWith($"setting_missing: {named}: ", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Make_EachKind_IsExactlyThatIdentity()
    {
        string token = Write("token", "ey", OwnerOnly);
        using X509Certificate2 certificate = NewCertificate();

        Assert.IsType<ManagedIdentityCredential>(Make(new(IdentityKind.Managed, Id)));
        Assert.IsType<ManagedIdentityCredential>(Make(new(IdentityKind.Arc), agent: true));
        Assert.IsType<WorkloadIdentityCredential>(Make(new(IdentityKind.Workload, Id, Id, token)));
        Assert.IsType<AzureCliCredential>(Make(new(IdentityKind.Cli)));
        Assert.IsType<ClientCertificateCredential>(Make(new(IdentityKind.Certificate, Id, Id, CertificateThumbprint: certificate.Thumbprint), inStore: certificate));
    }

    [Fact]
    public void Make_ArcWithoutTheAgent_SaysSo()
    {
        FedCloudException error = Assert.Throws<FedCloudException>(() => Make(new(IdentityKind.Arc)));

        Assert.Equal(ErrorCodes.SettingMissing, error.Code);
        Assert.Contains("Azure Arc agent", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Make_WorkloadWithoutItsTokenFile_SaysSo()
    {
        FedCloudException error = Assert.Throws<FedCloudException>(() => Make(new(IdentityKind.Workload, Id, Id, Path.Combine(_folder, "absent"))));

        Assert.StartsWith("setting_missing: AZURE_FEDERATED_TOKEN_FILE: ", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("pem")]
    [InlineData("pfx")]
    public void Make_CertificateFile_MustBeForItsOwnerOnly(string form)
    {
        string path = WriteCertificate(form);

        Assert.IsType<ClientCertificateCredential>(Make(new(IdentityKind.Certificate, Id, Id, CertificateFile: path)));
        File.SetUnixFileMode(path, OwnerOnly | UnixFileMode.GroupRead);
        Assert.Equal(ErrorCodes.KeyFilePermissions, Assert.Throws<FedCloudException>(() => Make(new(IdentityKind.Certificate, Id, Id, CertificateFile: path))).Code);
    }

    [Fact]
    public void Make_CertificateUnusable_NamesTheSetting()
    {
        using X509Certificate2 certificate = NewCertificate();
        using X509Certificate2 withoutKey = X509CertificateLoader.LoadCertificate(certificate.RawData);
        string[] files =
        [
            Write("text", "no certificate", OwnerOnly),
            Write("public", certificate.ExportCertificatePem(), OwnerOnly),
            Write("locked", certificate.ExportCertificatePem() + "\n" + RSA.Create(2048).ExportEncryptedPkcs8PrivateKeyPem("secret", new PbeParameters(PbeEncryptionAlgorithm.Aes256Cbc, HashAlgorithmName.SHA256, 1000)), OwnerOnly),
        ];

        Assert.All(files, file => Assert.StartsWith(
            "setting_missing: FEDCLOUD_IDENTITY_CERTIFICATE: ", Assert.Throws<FedCloudException>(() => Make(new(IdentityKind.Certificate, Id, Id, CertificateFile: file))).Message, StringComparison.Ordinal));
        foreach (X509Certificate2? found in (X509Certificate2?[])[null, withoutKey])
        {
            Assert.StartsWith(
                "setting_missing: FEDCLOUD_IDENTITY_THUMBPRINT: ",
                Assert.Throws<FedCloudException>(() => Make(new(IdentityKind.Certificate, Id, Id, CertificateThumbprint: "AB"), inStore: found)).Message,
                StringComparison.Ordinal);
        }

        Assert.Equal(ErrorCodes.FileMissing, Assert.Throws<FedCloudException>(() => Make(new(IdentityKind.Certificate, Id, Id, CertificateFile: Path.Combine(_folder, "absent")))).Code);
    }

    private static AzureIdentitySettings Read(string settings)
    {
        string[] parts = settings.Split(' ');
        Dictionary<string, string> values = parts.Skip(1).Where(part => part.Contains('=', StringComparison.Ordinal))
            .ToDictionary(part => part.Split('=')[0], part => part.Split('=')[1].Replace("ID", Id, StringComparison.Ordinal), StringComparer.Ordinal);
        values["FEDCLOUD_IDENTITY"] = parts[0];
        return AzureIdentitySettings.Read(values.GetValueOrDefault);
    }

    private static TokenCredential Make(AzureIdentitySettings settings, bool agent = false, X509Certificate2? inStore = null) =>
        AzureCredentials.Make(settings, _ => null, path => path.Contains("himds", StringComparison.Ordinal) ? agent : File.Exists(path), _ => inStore);

    private static X509Certificate2 NewCertificate()
    {
        using RSA key = RSA.Create(2048);
        return new CertificateRequest("CN=silo", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1).CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
    }

    private string WriteCertificate(string form)
    {
        using X509Certificate2 certificate = NewCertificate();
        string path = Path.Combine(_folder, form);
        if (form is "pfx")
        {
            File.WriteAllBytes(path, certificate.Export(X509ContentType.Pkcs12));
        }
        else
        {
            using RSA? key = certificate.GetRSAPrivateKey();
            File.WriteAllText(path, certificate.ExportCertificatePem() + "\n" + key?.ExportPkcs8PrivateKeyPem());
        }

        File.SetUnixFileMode(path, OwnerOnly);
        return path;
    }

    private string Write(string name, string text, UnixFileMode mode)
    {
        string path = Path.Combine(_folder, name);
        File.WriteAllText(path, text);
        File.SetUnixFileMode(path, mode);
        return path;
    }
}
