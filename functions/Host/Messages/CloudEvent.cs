// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Text.Json;
using FedCloud.Coordinator.Audit;
using FedCloud.Protocol.Errors;

namespace FedCloud.Functions.Messages;

/// <summary>An event of the platform as Event Grid delivers it: CloudEvents 1.0 in JSON (cloudevents.io), of which only a few members matter here.</summary>
/// <param name="Type">What happened, such as <c>Microsoft.KeyVault.KeyNewVersionCreated</c>.</param>
/// <param name="Resource">Of an administrative action: the resource's id; else empty.</param>
/// <param name="Operation">Of an administrative action: its operation, such as <c>Microsoft.KeyVault/vaults/write</c>; else empty.</param>
public sealed record CloudEvent(string Type, string Resource, string Operation)
{
    private const string ResourcePrefix = "Microsoft.Resources.Resource";

    /// <summary>Reads an event.</summary>
    /// <exception cref="FedCloudException"><c>message_malformed</c>.</exception>
    public static CloudEvent Parse(ReadOnlyMemory<byte> json)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(json);
            JsonElement root = document.RootElement;
            JsonElement data = root.ValueKind == JsonValueKind.Object && root.TryGetProperty("data", out JsonElement given) ? given : default;
            return TextOf(root, "type") is { } type
                ? new CloudEvent(type, TextOf(data, "resourceUri") ?? string.Empty, TextOf(data, "operationName") ?? string.Empty)
                : throw Malformed(cause: null);
        }
        catch (JsonException error)
        {
            throw Malformed(error);
        }
    }

    /// <summary>The administrative action that it tells of; null where it tells of none.</summary>
    public AdministrativeAction? Action() =>
        Resource.Length > 0 && Operation.Length > 0 && Type.StartsWith(ResourcePrefix, StringComparison.Ordinal)
            ? new AdministrativeAction(Resource, Operation, ResultOf(Type))
            : null;

    // ResourceWriteSuccess, ResourceDeleteFailure, ResourceActionCancel.
    private static string ResultOf(string type) =>
        type.EndsWith("Success", StringComparison.Ordinal) ? "success"
        : type.EndsWith("Failure", StringComparison.Ordinal) ? "failure"
        : type.EndsWith("Cancel", StringComparison.Ordinal) ? "cancelled"
        : "unknown";

    private static string? TextOf(JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out JsonElement value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static FedCloudException Malformed(Exception? cause) => new(ErrorCodes.MessageMalformed, "expected an event in the form of CloudEvents 1.0, found something else", cause: cause);
}
