// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Adapters;
using FedCloud.Protocol.Errors;
using FedCloud.Protocol.Plans;
using FedCloud.Protocol.Safetensors;

namespace FedCloud.Training.Decoders;

/// <summary>A model under training as a job sees it, whatever computes it. Adapters and their gradients are in memory of the host in float32, so optimizer, clipping, noise, checkpoints and updates are one code for all engines.</summary>
/// <remarks>Not thread-safe. A step is <see cref="Forward"/>, a loss, <see cref="Backward"/>.</remarks>
public interface IDecoder : IDisposable
{
    /// <summary>The shape.</summary>
    ModelConfig Config { get; }

    /// <summary>The adapter's factors, module by module in the model's order.</summary>
    IEnumerable<LoraFactors> Adapters { get; }

    /// <summary>The weights that train, in a fixed order. Whoever changes their values does so between a backward pass and the next forward pass.</summary>
    IEnumerable<Parameter> Trained { get; }

    /// <summary>Fills the adapter from a file; other tensors in it, such as the server optimizer's state, are ignored.</summary>
    /// <param name="file">A model version or a PEFT adapter.</param>
    /// <param name="layout">The layout that the model was made with.</param>
    /// <exception cref="FedCloudException"><c>tensor_missing</c>, <c>tensor_shape_mismatch</c>, <c>tensor_type_mismatch</c> or <c>tensor_not_finite</c>.</exception>
    void LoadAdapter(SafetensorsFile file, AdapterLayout layout);

    /// <summary>Makes factors of the adapter train.</summary>
    void TrainAdapter(ExchangedFactor exchanged);

    /// <summary>Keeps each example's own gradient in place of the parameters' gradients, as long as the result lives.</summary>
    /// <param name="examples">The most examples of a batch.</param>
    IExampleGradients KeepExamples(int examples);

    /// <summary>The forward pass.</summary>
    /// <param name="tokens">b·t token ids, row by row.</param>
    /// <param name="b">Sequences.</param>
    /// <param name="t">Tokens of each, padded at the end; attention is causal, so padding never reaches what counts.</param>
    /// <param name="lengths">How many tokens of each sequence are not padding, which is not computed. All of them when empty.</param>
    void Forward(ReadOnlySpan<int> tokens, int b, int t, ReadOnlySpan<int> lengths = default);

    /// <summary>The summed cross-entropy of the last forward pass, and its gradient for <see cref="Backward"/>. Called once a forward pass.</summary>
    /// <param name="targets">The wanted next token of each row; -1 where none counts.</param>
    /// <param name="scale">Scales the gradient; 1 / counted tokens gives the mean.</param>
    /// <returns>The sum of -log p over the rows that count.</returns>
    double Loss(ReadOnlySpan<int> targets, float scale);

    /// <summary>The same with a scale for each sequence.</summary>
    /// <param name="targets">The wanted next token of each row; -1 where none counts.</param>
    /// <param name="scales">Scale the gradients of the sequences; 1 / its counted tokens gives the mean of each.</param>
    /// <returns>The sum of -log p over the rows that count.</returns>
    double Loss(ReadOnlySpan<int> targets, ReadOnlySpan<float> scales);

    /// <summary>The sum of -log p over the rows of one sequence that counted in the last loss.</summary>
    double LossOf(int sequence);

    /// <summary>The backward pass after a loss: adds to the gradients of whatever trains, or writes those of the examples.</summary>
    void Backward();

    /// <summary>Sets all gradients to zero.</summary>
    void ZeroGradients();
}
