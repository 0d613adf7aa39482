// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Globalization;

namespace FedCloud.Simulation.Tests;

/// <summary>Which schedules are run: those of a seed from 1 on. A failing seed is printed; <c>FEDCLOUD_SEED=N</c> runs it alone, <c>FEDCLOUD_SCHEDULES=N</c> runs more or fewer.</summary>
internal static class Seeds
{
    public static int[] Of(int schedules)
    {
        if (Read("FEDCLOUD_SEED") is { } only)
        {
            return [only];
        }

        return [.. Enumerable.Range(1, Read("FEDCLOUD_SCHEDULES") ?? schedules)];
    }

    private static int? Read(string variable) =>
        Environment.GetEnvironmentVariable(variable) is { } text ? int.Parse(text, CultureInfo.InvariantCulture) : null;
}
