// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Jobs;

namespace FedCloud.SiloAgent.Runs;

/// <summary>The administrator's setting of what trainers compute on.</summary>
public static class TrainerDevice
{
    /// <summary>The variable of the environment.</summary>
    public const string Name = "FEDCLOUD_TRAINER_DEVICE";

    /// <summary>Reads it.</summary>
    /// <param name="setting">Gives a variable of the environment.</param>
    /// <returns>Null where nothing is set: the trainer chooses.</returns>
    /// <exception cref="FedCloudException"><c>setting_missing</c>.</exception>
    public static JobDevice? Read(Func<string, string?> setting)
    {
        ArgumentNullException.ThrowIfNull(setting);
        return setting(Name) is not { Length: > 0 } value
            ? null
            : JobDevice.Parse(value) ?? throw new FedCloudException(ErrorCodes.SettingMissing, $"{Name}: expected cpu, cuda or cuda:N, found {value}", "set it to one of them, or unset it to have the trainer choose");
    }
}
