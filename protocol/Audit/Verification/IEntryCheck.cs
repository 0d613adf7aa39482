// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Protocol.Audit.Verification;

/// <summary>A check that reads the entries in order, and may say more at the end.</summary>
internal interface IEntryCheck
{
    /// <summary>Takes the next entry; its form, signer and signature are others' concern.</summary>
    void Take(LoggedEntry logged);

    /// <summary>Called once after the last entry.</summary>
    void Finish();
}
