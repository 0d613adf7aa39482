// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Safetensors;
using Xunit;

namespace FedCloud.Protocol.Tests.Safetensors;

public sealed class SafetensorsTests
{
    [Fact]
    public void Writer_ThenFile_GivesTheSameValues()
    {
        string path = Path.Combine(Directory.CreateTempSubdirectory().FullName, "x.safetensors");
        float[] values = [1, -2, 3.5f, 0, 1e-30f, float.MaxValue];

        SafetensorsWriter.WriteFile(path, [TensorEntry.Of("a", TensorType.F32, 2, 3), TensorEntry.Of("b", TensorType.BF16, 1)], null, (entry, stream) =>
            stream.Write(entry.Name == "a" ? MemoryMarshal.AsBytes(values.AsSpan()) : [0x80, 0x3f]));

        using SafetensorsFile file = SafetensorsFile.Open(path, SafetensorsLimits.Foreign);
        float[] read = new float[6];
        float[] one = new float[1];
        file.ReadF32(file.Header.Require("a", 2, 3), 0, read);
        file.ReadF32(file.Header.Require("b", 1), 0, one);
        Assert.Equal(values, read);
        Assert.Equal(1f, one[0]);
    }

    [Theory]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}", 8, "wrong length for the shape")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}", 8, "hole")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "overlap")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 8, "trailing bytes")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 2, "data too short")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296,4294967296],\"data_offsets\":[0,4]}}", 4, "product overflow")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,-4]}}", 4, "negative side")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[-4,0]}}", 4, "negative offset")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "duplicate tensor")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "duplicate member")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4],\"x\":1}}", 4, "unknown member")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[1.5],\"data_offsets\":[0,4]}}", 4, "fractional side")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, "no offsets")]
    [InlineData("{\"a\":[[[[[[1]]]]]]}", 4, "depth")]
    [InlineData("[]", 0, "no object")]
    [InlineData("{\"a\\u0000\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "control character in a name")]
    public void T18_Header_Lies_AreRefused(string json, int dataBytes, string what)
    {
        FedCloudException error = Assert.Throws<FedCloudException>(() => Read(json, dataBytes));

        Assert.True(error.Code == ErrorCodes.SafetensorsMalformed, what);
    }

    [Fact]
    public void T18_Header_WrongType_IsRefused()
    {
        FedCloudException error = Assert.Throws<FedCloudException>(() => Read("{\"a\":{\"dtype\":\"F8_E4M3\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1));

        Assert.Equal(ErrorCodes.TensorTypeMismatch, error.Code);
    }

    [Theory]
    [InlineData(ulong.MaxValue)]
    [InlineData(2_000_000UL)]
    [InlineData(1UL)]
    public void T18_Header_HugeOrTinyLength_IsRefusedBeforeReading(ulong length)
    {
        byte[] file = new byte[64];
        BinaryPrimitives.WriteUInt64LittleEndian(file, length);

        FedCloudException error = Assert.Throws<FedCloudException>(() => SafetensorsHeader.Read(new MemoryStream(file), file.Length, SafetensorsLimits.Foreign, "x"));

        Assert.Equal(ErrorCodes.SafetensorsMalformed, error.Code);
    }

    [Theory]
    [InlineData(new byte[] { 0x80, 0x04, 0x95, 0, 0, 0, 0, 0 })]
    [InlineData(new byte[] { 0x80, 0x02, 0x63, 0x6f, 0x73, 0x0a, 0x73, 0x79 })]
    [InlineData(new byte[] { (byte)'P', (byte)'K', 3, 4, 0, 0, 0, 0 })]
    [InlineData(new byte[] { 0x1f, 0x8b, 8, 0, 0, 0, 0, 0 })]
    public void T17_File_PickleOrArchive_IsRefusedBeforeParsing(byte[] start)
    {
        FedCloudException error = Assert.Throws<FedCloudException>(() => SafetensorsHeader.Read(new MemoryStream(start), start.Length, SafetensorsLimits.Foreign, "x"));

        Assert.Equal(ErrorCodes.FileNotTensors, error.Code);
    }

    [Fact]
    public void T18_Header_InvalidUtf8_IsRefused()
    {
        byte[] json = [.. "{\""u8, 0xff, .. "\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}"u8];
        byte[] file = [.. BitConverter.GetBytes((ulong)json.Length), .. json, 0, 0, 0, 0];

        Assert.Throws<FedCloudException>(() => SafetensorsHeader.Read(new MemoryStream(file), file.Length, SafetensorsLimits.Foreign, "x"));
    }

    [Fact]
    public void FiniteCheck_EveryPosition_IsFound()
    {
        for (int length = 1; length < 40; length++)
        {
            for (int bad = 0; bad < length; bad++)
            {
                float[] values = new float[length];
                values[bad] = bad % 2 == 0 ? float.NaN : float.NegativeInfinity;

                Assert.Equal(bad, FiniteCheck.IndexOfNotFinite(values));
            }

            Assert.Equal(-1, FiniteCheck.IndexOfNotFinite(new float[length]));
        }
    }

    [Fact]
    public void Writer_FolderMissing_LeavesNothing()
    {
        string folder = Directory.CreateTempSubdirectory().FullName;
        string path = Path.Combine(folder, "missing", "x.safetensors");

        FedCloudException error = Assert.Throws<FedCloudException>(() => WholeFile.Write(path, new byte[10]));

        Assert.Equal(ErrorCodes.DiskFull, error.Code);
        Assert.Empty(Directory.GetFileSystemEntries(folder));
    }

    [Fact]
    public void Writer_DeviceFull_SaysDiskFull()
    {
        if (!File.Exists("/dev/full"))
        {
            return; // a system without the device that is always full
        }

        string folder = Directory.CreateTempSubdirectory().FullName;
        string path = Path.Combine(folder, "x");
        File.CreateSymbolicLink(path + ".tmp", "/dev/full");

        FedCloudException error = Assert.Throws<FedCloudException>(() => WholeFile.Write(path, new byte[10]));

        Assert.Equal(ErrorCodes.DiskFull, error.Code);
        Assert.False(File.Exists(path));
    }

    private static SafetensorsHeader Read(string json, int dataBytes)
    {
        byte[] header = Encoding.UTF8.GetBytes(json);
        byte[] file = [.. BitConverter.GetBytes((ulong)header.Length), .. header, .. new byte[dataBytes]];
        return SafetensorsHeader.Read(new MemoryStream(file), file.Length, SafetensorsLimits.Foreign, "x");
    }
}
