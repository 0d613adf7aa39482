// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Net.Sockets;
using System.Net.WebSockets;
using Azure.Identity;
using Azure.Messaging.ServiceBus;
using FedCloud.Protocol.Errors;

namespace FedCloud.Cloud.Mailboxes;

/// <summary>What the message broker's client throws, in our vocabulary.</summary>
internal static class ServiceBusErrors
{
    /// <summary>Whether the error says that a message is not ours any more: its lock ended, or the message is gone.</summary>
    public static bool IsLockLost(ServiceBusException error) =>
        error.Reason is ServiceBusFailureReason.MessageLockLost or ServiceBusFailureReason.SessionLockLost or ServiceBusFailureReason.MessageNotFound;

    /// <summary>Whether an error is the broker's or the way's, and not our own, such as the caller's cancellation.</summary>
    public static bool IsTrouble(Exception error, CancellationToken cancellation) =>
        error is ServiceBusException or UnauthorizedAccessException or AuthenticationFailedException or TimeoutException or IOException or SocketException or WebSocketException
        || (error is OperationCanceledException && !cancellation.IsCancellationRequested);

    /// <summary>The error to throw instead.</summary>
    /// <param name="error">What the client threw.</param>
    /// <param name="queue">The queue.</param>
    public static FedCloudException Of(Exception error, string queue) => error switch
    {
        ServiceBusException broker => new(CodeOf(broker), $"queue {queue}: found {broker.Reason}", cause: error),
        UnauthorizedAccessException => new(ErrorCodes.MailboxDenied, $"queue {queue}: expected the right to use it, found none", cause: error),
        AuthenticationFailedException => new(ErrorCodes.SignInFailed, $"queue {queue}: expected a token for the message broker, found none", cause: error),
        _ => new(ErrorCodes.MailboxUnreachable, $"queue {queue}: no answer after several tries", cause: error),
    };

    private static ErrorCode CodeOf(ServiceBusException error) => error.Reason switch
    {
        ServiceBusFailureReason.MessageSizeExceeded => ErrorCodes.MessageTooLarge,
        ServiceBusFailureReason.MessagingEntityNotFound or ServiceBusFailureReason.MessagingEntityDisabled => ErrorCodes.MailboxMissing,
        ServiceBusFailureReason.ServiceBusy or ServiceBusFailureReason.ServiceTimeout or ServiceBusFailureReason.ServiceCommunicationProblem => ErrorCodes.MailboxUnreachable,
        _ when error.IsTransient => ErrorCodes.MailboxUnreachable,
        _ => ErrorCodes.MailboxFailed,
    };
}
