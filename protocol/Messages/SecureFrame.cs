// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Protocol.Messages;

/// <summary>The frame types of secure aggregation; with what each carries (docs/secure-aggregation.md).</summary>
public static class SecureFrame
{
    /// <summary>To silos: the call of an epoch.</summary>
    public const string EpochCall = "epoch_call";

    /// <summary>To the coordinator: which epochs a silo holds.</summary>
    public const string EpochReport = "epoch_report";

    /// <summary>E1.</summary>
    public const string Advertise = "advertise";

    /// <summary>E2: a parcel of all E1, ascending by index.</summary>
    public const string AdvertiseList = "advertise_list";

    /// <summary>E3: the body, and a claim check on a parcel of ciphertexts and slices by holder.</summary>
    public const string Shares = "shares";

    /// <summary>E4: a parcel of the bodies of U2, ascending, with the ciphertext and the slice of each dealer for this holder.</summary>
    public const string ShareDelivery = "share_delivery";

    /// <summary>E5.</summary>
    public const string ShareAck = "share_ack";

    /// <summary>A complaint instead of E5.</summary>
    public const string Complaint = "complaint";

    /// <summary>R1: wrapping key, start, and the version it starts from; a parcel of all acknowledgements, and of bodies that burned earlier slots.</summary>
    public const string RoundStart = "round_start";

    /// <summary>R2: the body, figures where disclosed, and a claim check on the encrypted vector.</summary>
    public const string Masked = "masked";

    /// <summary>R3: the list; a parcel of all its members' R2.</summary>
    public const string U3List = "u3_list";

    /// <summary>R4.</summary>
    public const string Consistency = "consistency";

    /// <summary>R5: a parcel of at least t R4.</summary>
    public const string Agreement = "agreement";

    /// <summary>R6: a claim check on the encrypted, signed shares.</summary>
    public const string Unmask = "unmask";

    /// <summary>R7: the result and the version that it made.</summary>
    public const string Result = "result";

    /// <summary>A slot is burned.</summary>
    public const string Burned = "burned";
}
