// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Training.Decoders;
using FedCloud.Training.Examples;
using FedCloud.Training.Jobs;
using FedCloud.Training.Kernels;

namespace FedCloud.Training.Privacy;

/// <summary>The way of units, records or persons, through the model in micro-batches, and of each one's gradient into a sum.</summary>
/// <remarks>The micro-batches may be of any composition: a unit's gradient has the same bits in all of them (<see cref="IExampleGradients"/>). The loss that it tells is not private.</remarks>
internal sealed unsafe class UnitPass : IDisposable
{
    private readonly IDecoder _model;
    private readonly IReadOnlyList<Example> _train;
    private readonly int[][] _units; // of each unit its examples
    private readonly MicroBatch _batch;
    private readonly IExampleGradients _gradients;
    private readonly Matrix? _person; // the sum of a person's gradients so far, (1, d)
    private double _loss;
    private int _lossExamples;
    private int _counted;

    /// <summary>Prepares a job.</summary>
    /// <param name="model">The model, its adapter training; stays the caller's.</param>
    /// <param name="train">The examples.</param>
    /// <param name="perPerson">Whether all examples of a person are one unit.</param>
    /// <param name="batchSize">The most examples that go through the model together.</param>
    public UnitPass(IDecoder model, IReadOnlyList<Example> train, bool perPerson, int batchSize)
    {
        _model = model;
        _train = train;
        _units = UnitsOf(train, perPerson);
        _batch = new MicroBatch(batchSize, Math.Max(1, train.Max(example => example.Tokens.Length) - 1));
        _gradients = model.KeepExamples(batchSize);
        _person = perPerson ? new Matrix(1, _gradients.Coordinates) : null;
    }

    /// <summary>How many units there are.</summary>
    public int Units => _units.Length;

    /// <summary>d, the trained parameters of the model.</summary>
    public int Coordinates => _gradients.Coordinates;

    /// <summary>How many of them belong to each adapted module, in their order.</summary>
    public IReadOnlyList<int> ModuleLengths => _gradients.ModuleLengths;

    /// <summary>Adds the gradients of units to a sum.</summary>
    /// <param name="sum">The sum.</param>
    /// <param name="units">Their places among all units, from 0.</param>
    /// <returns>The mean over their examples of each one's mean loss, and the tokens that carried it.</returns>
    public StepLoss AddTo(IUnitSum sum, ReadOnlySpan<int> units)
    {
        (_loss, _lossExamples, _counted) = (0, 0, 0);
        foreach (int unit in units)
        {
            Enter(sum, _units[unit]);
        }

        AddBatch(sum);
        return new StepLoss(_lossExamples > 0 ? _loss / _lossExamples : null, _counted);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _gradients.Dispose();
        _person?.Dispose();
    }

    // The longest last, so that examples of about one length meet in a micro-batch. The sum does not depend on the order.
    private static int[][] UnitsOf(IReadOnlyList<Example> train, bool perPerson)
    {
        IEnumerable<int> all = Enumerable.Range(0, train.Count);
        IEnumerable<int[]> units = perPerson
            ? all.GroupBy(i => train[i].Person ?? throw new InvalidOperationException("examples of persons were read without them"), StringComparer.Ordinal).Select(person => person.ToArray())
            : all.Select(i => new[] { i });
        return [.. units.OrderBy(unit => unit.Max(i => train[i].Tokens.Length))];
    }

    private void Enter(IUnitSum sum, int[] unit)
    {
        for (int i = 0; i < unit.Length; i++)
        {
            if (_batch.IsFull)
            {
                AddBatch(sum);
            }

            _batch.Add(_train[unit[i]], unit[0], endsUnit: i == unit.Length - 1);
        }
    }

    private void AddBatch(IUnitSum sum)
    {
        if (_batch.B == 0)
        {
            return;
        }

        _batch.Pad();
        _model.Forward(_batch.Tokens, _batch.B, _batch.T, _batch.Lengths);
        _model.Loss(_batch.Targets, _batch.Scales);
        _model.Backward();
        AddLosses();
        if (_person is null)
        {
            sum.Add(_gradients.Row(0), _batch.Units);
        }
        else
        {
            AddPersons(sum, _person);
        }

        _batch.Clear();
    }

    // In the order of a person's examples, whatever micro-batches they are in.
    private void AddPersons(IUnitSum sum, Matrix person)
    {
        for (int i = 0; i < _batch.B; i++)
        {
            Ops.AddScaled(person.P, _gradients.Row(i), 1, _gradients.Coordinates);
            if (_batch.EndsUnit(i))
            {
                sum.Add(person.P, _batch.Units.Slice(i, 1));
                person.Span.Clear();
            }
        }
    }

    private void AddLosses()
    {
        for (int i = 0; i < _batch.B; i++)
        {
            double mean = _model.LossOf(i) / _batch.Counted[i];
            if (double.IsFinite(mean))
            {
                _loss += mean;
                _lossExamples++;
            }

            _counted += _batch.Counted[i];
        }
    }
}
