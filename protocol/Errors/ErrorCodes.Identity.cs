// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Protocol.Errors;

public static partial class ErrorCodes
{
    /// <summary>An identifier breaks the rule for names of silos, runs, federations and adapters.</summary>
    public static ErrorCode IdMalformed { get; } = new(
        "id_malformed",
        ExitCode.Unusable,
        "an identifier has characters or a length that the naming rule forbids",
        "use 3 to 40 of a-z, 0-9 and single hyphens, with no hyphen at either end");

    /// <summary>A digest is not 64 lower-case hexadecimal digits.</summary>
    public static ErrorCode DigestMalformed { get; } = new(
        "digest_malformed",
        ExitCode.Unusable,
        "a SHA-256 digest is not 64 lower-case hexadecimal digits",
        "check where the digest was copied from");
}
