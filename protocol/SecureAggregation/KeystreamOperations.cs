// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace FedCloud.Protocol.SecureAggregation;

/// <summary>What happens to 16 bytes of a target when they meet 16 bytes of keystream.</summary>
internal interface IKeystreamOperation
{
    /// <summary>The target's new bytes.</summary>
    static abstract Vector128<byte> Apply(Vector128<byte> target, Vector128<byte> keystream);
}

/// <summary>The keystream itself.</summary>
internal readonly struct TakeKeystream : IKeystreamOperation
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<byte> Apply(Vector128<byte> target, Vector128<byte> keystream) => keystream;
}

/// <summary>Addition mod 2^16.</summary>
internal readonly struct Add16 : IKeystreamOperation
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<byte> Apply(Vector128<byte> target, Vector128<byte> keystream) => (target.AsUInt16() + keystream.AsUInt16()).AsByte();
}

/// <summary>Subtraction mod 2^16.</summary>
internal readonly struct Subtract16 : IKeystreamOperation
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<byte> Apply(Vector128<byte> target, Vector128<byte> keystream) => (target.AsUInt16() - keystream.AsUInt16()).AsByte();
}

/// <summary>Addition mod 2^32.</summary>
internal readonly struct Add32 : IKeystreamOperation
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<byte> Apply(Vector128<byte> target, Vector128<byte> keystream) => (target.AsUInt32() + keystream.AsUInt32()).AsByte();
}

/// <summary>Subtraction mod 2^32.</summary>
internal readonly struct Subtract32 : IKeystreamOperation
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<byte> Apply(Vector128<byte> target, Vector128<byte> keystream) => (target.AsUInt32() - keystream.AsUInt32()).AsByte();
}
