// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Protocol.Privacy;

/// <summary>The mass under Q of the largest losses, summed from the top down: sum of P[l] e^-l, at any height.</summary>
/// <remarks>e^-l leaves the range of doubles at l = 709, so the sum is kept relative to a loss that stays near the last one added.</remarks>
internal struct LossTail
{
    private const double Reach = 300; // e^300 and e^-300 are far from both ends of the range

    private double _origin;
    private double _scaled; // sum of P[l] e^(origin - l)

    /// <summary>Whether the sum is above 0; a lower bound's masses may be negative by rounding.</summary>
    internal readonly bool HasMass => _scaled > 0;

    /// <summary>Adds one loss, not above those added before.</summary>
    /// <param name="loss">The loss, nats.</param>
    /// <param name="mass">Its mass under P.</param>
    internal void Add(double loss, double mass)
    {
        if (Math.Abs(loss - _origin) > Reach)
        {
            _scaled = At(loss);
            _origin = loss;
        }

        _scaled += mass * Math.Exp(_origin - loss);
    }

    /// <summary>The sum times e^loss: what these losses take off delta at epsilon = <paramref name="loss"/>.</summary>
    /// <param name="loss">The loss, nats; not above those added.</param>
    internal readonly double At(double loss) => _scaled.Equals(0.0) ? 0 : _scaled * Math.Exp(loss - _origin);

    /// <summary>The epsilon at which the sum times e^epsilon is <paramref name="mass"/>.</summary>
    /// <param name="mass">The mass, above 0.</param>
    internal readonly double Epsilon(double mass) => Math.Log(mass / _scaled) + _origin;
}
