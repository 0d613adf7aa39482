// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Training.Examples;

namespace FedCloud.Training.Privacy;

/// <summary>Examples that go through the model together, padded to the longest; made once and filled again and again.</summary>
/// <param name="examples">The most examples.</param>
/// <param name="length">The longest sequence of inputs.</param>
internal sealed class MicroBatch(int examples, int length)
{
    private readonly Example[] _examples = new Example[examples];
    private readonly int[] _units = new int[examples];
    private readonly bool[] _endsUnit = new bool[examples];
    private readonly int[] _tokens = new int[examples * length];
    private readonly int[] _targets = new int[examples * length];
    private readonly int[] _lengths = new int[examples];
    private readonly int[] _counted = new int[examples];
    private readonly float[] _scales = new float[examples];

    /// <summary>Sequences.</summary>
    public int B { get; private set; }

    /// <summary>The length of each, after <see cref="Pad"/>.</summary>
    public int T { get; private set; }

    /// <summary>Whether no example fits any more.</summary>
    public bool IsFull => B == _examples.Length;

    /// <summary>b·t inputs.</summary>
    public ReadOnlySpan<int> Tokens => _tokens.AsSpan(0, B * T);

    /// <summary>b·t wanted next tokens; -1 where none counts.</summary>
    public ReadOnlySpan<int> Targets => _targets.AsSpan(0, B * T);

    /// <summary>How many inputs of each sequence are not padding.</summary>
    public ReadOnlySpan<int> Lengths => _lengths.AsSpan(0, B);

    /// <summary>How many targets of each sequence count.</summary>
    public ReadOnlySpan<int> Counted => _counted.AsSpan(0, B);

    /// <summary>1 / counted, so that the gradient of each is that of its mean loss; 0 where nothing counts.</summary>
    public ReadOnlySpan<float> Scales => _scales.AsSpan(0, B);

    /// <summary>The unit of each example.</summary>
    public ReadOnlySpan<int> Units => _units.AsSpan(0, B);

    /// <summary>Whether an example is the last of its unit.</summary>
    public bool EndsUnit(int example) => _endsUnit[example];

    /// <summary>Takes an example.</summary>
    /// <param name="example">The example.</param>
    /// <param name="unit">The unit that it belongs to.</param>
    /// <param name="endsUnit">Whether it is the last of its unit.</param>
    public void Add(Example example, int unit, bool endsUnit)
    {
        _examples[B] = example;
        _units[B] = unit;
        _endsUnit[B] = endsUnit;
        B++;
    }

    /// <summary>Begins afresh.</summary>
    public void Clear() => B = 0;

    /// <summary>Writes inputs and targets, once all examples are in.</summary>
    public void Pad()
    {
        T = 1;
        for (int b = 0; b < B; b++)
        {
            _lengths[b] = _examples[b].Tokens.Length - 1;
            T = Math.Max(T, _lengths[b]);
        }

        Array.Clear(_tokens);
        Array.Fill(_targets, -1);
        for (int b = 0; b < B; b++)
        {
            ReadOnlySpan<int> sequence = _examples[b].Tokens;
            sequence[..^1].CopyTo(_tokens.AsSpan(b * T));
            _counted[b] = 0;
            foreach (TokenSpan span in _examples[b].Learned)
            {
                int first = Math.Max(span.Start, 1); // the row before it foretells it
                int count = Math.Max(0, span.End - first);
                sequence.Slice(first, count).CopyTo(_targets.AsSpan((b * T) + first - 1));
                _counted[b] += count;
            }

            _scales[b] = _counted[b] > 0 ? 1f / _counted[b] : 0;
        }
    }
}
