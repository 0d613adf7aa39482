// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Protocol.Privacy;

/// <summary>The logarithm of a growing sum of positive terms given by their logarithms; a term of negative infinity is zero.</summary>
internal struct LogSum
{
    private double _peak;
    private double _scaled;

    /// <summary>The empty sum.</summary>
    internal static LogSum Empty => new() { _peak = double.NegativeInfinity };

    /// <summary>The logarithm of the sum.</summary>
    internal readonly double Value => _scaled == 0 ? double.NegativeInfinity : _peak + Math.Log(_scaled);

    /// <summary>Adds a term.</summary>
    internal void Add(double logTerm)
    {
        if (double.IsNegativeInfinity(logTerm))
        {
            return;
        }

        if (logTerm > _peak)
        {
            _scaled = (_scaled * Math.Exp(_peak - logTerm)) + 1;
            _peak = logTerm;
        }
        else
        {
            _scaled += Math.Exp(logTerm - _peak);
        }
    }
}
