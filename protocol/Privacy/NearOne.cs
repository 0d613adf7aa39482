// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Protocol.Privacy;

/// <summary>ln(1 + x) and e^x - 1 without cancellation for small x.</summary>
/// <remarks>Kahan's correction (Higham 2002, "Accuracy and stability of numerical algorithms", section 1.14.1). The runtime's own functions round 1 + x first.</remarks>
internal static class NearOne
{
    /// <summary>ln(1 + x), x above -1.</summary>
    internal static double LogOnePlus(double x)
    {
        double sum = 1 + x;
        if (sum.Equals(1.0))
        {
            return x;
        }

        return double.IsInfinity(sum) || sum <= 0 ? Math.Log(sum) : Math.Log(sum) * (x / (sum - 1));
    }

    /// <summary>e^x - 1.</summary>
    internal static double ExpMinusOne(double x)
    {
        double power = Math.Exp(x);
        if (power.Equals(1.0))
        {
            return x;
        }

        double less = power - 1;
        return less.Equals(-1.0) || double.IsInfinity(power) ? less : less * (x / Math.Log(power));
    }
}
