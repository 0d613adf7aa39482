// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Protocol.Errors;

public static partial class ErrorCodes
{
    /// <summary>A consent to a report cannot be used.</summary>
    public static ErrorCode ReportConsentInvalid { get; } = new(
        "report_consent_invalid",
        ExitCode.Unusable,
        "a consent to a report is malformed, is not signed by its silo's administrator, or is for another report",
        "ask the silo's administrator for a consent to this report, or leave it out: the silo's values then stay out too");

    /// <summary>The texts for a report cannot be used.</summary>
    public static ErrorCode ReportTextsMalformed { get; } = new(
        "report_texts_malformed",
        ExitCode.Unusable,
        "the file with a report's texts has another form, or a key that no report knows",
        "correct the file; docs/reports.md lists the keys");

    /// <summary>The folder for a report is taken.</summary>
    public static ErrorCode ReportFolderTaken { get; } = new(
        "report_folder_taken",
        ExitCode.Unusable,
        "the folder that a report is to be written into is not empty, or is a file",
        "name a folder that does not exist yet");
}
