// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using Microsoft.DurableTask;

namespace FedCloud.Functions.Tests.Durable;

/// <summary>A failure in a history: names and texts, no stack, so that the same failure is the same line.</summary>
public sealed record HistoryFailure(string ErrorType, string ErrorMessage, HistoryFailure? Inner)
{
    public static HistoryFailure From(Exception exception) =>
        exception is TaskFailedException failed
            ? new(failed.GetType().ToString(), failed.Message, From(failed.FailureDetails))
            : new(exception.GetType().ToString(), exception.Message, exception.InnerException is null ? null : From(exception.InnerException));

    public TaskFailureDetails ToDetails() => new(ErrorType, ErrorMessage, null, Inner?.ToDetails(), null);

    private static HistoryFailure From(TaskFailureDetails details) =>
        new(details.ErrorType, details.ErrorMessage, details.InnerFailure is null ? null : From(details.InnerFailure));
}
