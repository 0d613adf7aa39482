// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Security.Cryptography;
using FedCloud.Cli.Api;
using FedCloud.Cloud.Api;
using FedCloud.Protocol.Adapters;
using FedCloud.Protocol.Canonical;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Safetensors;

namespace FedCloud.Cli.Models;

/// <summary>Writes a version as PEFT does.</summary>
internal static class PeftExport
{
    /// <summary>Downloads, checks and writes.</summary>
    /// <returns>The SHA-256 of <c>adapter_model.safetensors</c>.</returns>
    public static async Task<string> WriteAsync(CoordinatorClient client, ModelSummary model, RunConfig config, string folder, CancellationToken cancellation)
    {
        string place = Path.GetFullPath(folder).TrimEnd(Path.DirectorySeparatorChar);
        Directory.CreateDirectory(Path.GetDirectoryName(place) ?? place);
        string download = place + ".download";
        try
        {
            await client.DownloadAsync(model, download, cancellation);
            if (await DigestAsync(download, cancellation) != model.Sha256)
            {
                throw new FedCloudException(ErrorCodes.BaseModelCorrupt, "the downloaded version has another digest than the coordinator lists", "repeat the command");
            }

            using SafetensorsFile version = SafetensorsFile.Open(download, SafetensorsLimits.Foreign);
            PeftFolder.Write(place, version, config);
        }
        finally
        {
            File.Delete(download);
        }

        return (await DigestAsync(Path.Combine(place, PeftAdapter.WeightsFile), cancellation)).Hex;
    }

    private static async Task<Sha256Digest> DigestAsync(string path, CancellationToken cancellation)
    {
        await using FileStream file = File.OpenRead(path);
        return Sha256Digest.FromBytes(await SHA256.HashDataAsync(file, cancellation));
    }
}
