// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Protocol.Errors;

public static partial class ErrorCodes
{
    /// <summary>A run does not exist.</summary>
    public static ErrorCode RunMissing { get; } = new(
        "run_missing",
        ExitCode.Unusable,
        "there is no run with this id",
        "list the runs with 'fedcloud run list'");

    /// <summary>A run id is taken by another plan.</summary>
    public static ErrorCode RunExists { get; } = new(
        "run_exists",
        ExitCode.Unusable,
        "another plan was submitted under this run id",
        "submit again; a new id is drawn each time");

    /// <summary>The federation has no roster yet.</summary>
    public static ErrorCode RosterMissing { get; } = new(
        "roster_missing",
        ExitCode.NotSetUp,
        "the federation has no roster signed by all of its founding members yet",
        "look at 'fedcloud silo list': invite silos, start their agents, confirm their fingerprints");

    /// <summary>A federation cannot lose this member.</summary>
    public static ErrorCode RosterTooSmall { get; } = new(
        "roster_too_small",
        ExitCode.Refused,
        "without this member the federation would have fewer than two",
        "invite another silo first, or stop the federation");

    /// <summary>A silo is known already.</summary>
    public static ErrorCode SiloExists { get; } = new(
        "silo_exists",
        ExitCode.Unusable,
        "the silo is a member already",
        "choose another id, or revoke the silo first");

    /// <summary>A silo is not known.</summary>
    public static ErrorCode SiloMissing { get; } = new(
        "silo_missing",
        ExitCode.Unusable,
        "there is no silo with this id",
        "list the silos with 'fedcloud silo list'");

    /// <summary>A model version does not exist.</summary>
    public static ErrorCode ModelMissing { get; } = new(
        "model_missing",
        ExitCode.Unusable,
        "there is no such model version",
        "list the versions with 'fedcloud model list'");

    /// <summary>The coordinator does not answer.</summary>
    public static ErrorCode CoordinatorUnreachable { get; } = new(
        "coordinator_unreachable",
        ExitCode.Unreachable,
        "the coordinator's HTTP API does not answer",
        "check FEDCLOUD_URL, and that the coordinator is running");

    /// <summary>The token is wrong.</summary>
    public static ErrorCode TokenRefused { get; } = new(
        "token_refused",
        ExitCode.Refused,
        "the coordinator refuses the token",
        "set FEDCLOUD_TOKEN to the operator's token");

    /// <summary>The caller has not the role that a route asks for.</summary>
    public static ErrorCode RoleRefused { get; } = new(
        "role_refused",
        ExitCode.Refused,
        "the caller's role does not allow this",
        "ask whoever assigns the roles Operator and Auditor of the coordinator's application");

    /// <summary>The API has no such path.</summary>
    public static ErrorCode RouteMissing { get; } = new(
        "route_missing",
        ExitCode.Unusable,
        "the API has no such path",
        "check the address, and that command line and coordinator are of the same version");

    /// <summary>A request is not understood.</summary>
    public static ErrorCode RequestMalformed { get; } = new(
        "request_malformed",
        ExitCode.Unusable,
        "a request to the coordinator has another form than the API's",
        "look at the API's description under /openapi/v1.json");

    /// <summary>An unexpected error.</summary>
    public static ErrorCode InternalError { get; } = new(
        "internal_error",
        ExitCode.Failed,
        "a program met a situation that it should not have met",
        "set FEDCLOUD_TRACE=1, repeat, and report what is printed");

    /// <summary>A setting is absent or unusable.</summary>
    public static ErrorCode SettingMissing { get; } = new(
        "setting_missing",
        ExitCode.NotSetUp,
        "a setting that a program needs is absent or unusable",
        "set it as docs/building.md describes, and start again");
}
