// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Training.Kernels;

namespace FedCloud.Training.Llama;

/// <content>A layer.</content>
public sealed unsafe partial class LlamaModel
{
    /// <summary>One layer: its weights, and what the backward pass needs of the forward pass.</summary>
    private sealed class Layer : IDisposable
    {
        public required Parameter AttentionNorm { get; init; }

        public required Parameter MlpNorm { get; init; }

        public required Linear Q { get; init; }

        public required Linear K { get; init; }

        public required Linear V { get; init; }

        public required Linear O { get; init; }

        public required Linear Gate { get; init; }

        public required Linear Up { get; init; }

        public required Linear Down { get; init; }

        public required Matrix X0 { get; init; }

        public required Matrix Xn1 { get; init; }

        public required Matrix Qs { get; init; }

        public required Matrix Ks { get; init; }

        public required Matrix Vs { get; init; }

        public required Matrix P { get; init; } // (B·H·T, T)

        public required Matrix Attended { get; init; }

        public required Matrix X1 { get; init; }

        public required Matrix Xn2 { get; init; }

        public required Matrix G { get; init; }

        public required Matrix U { get; init; }

        public required Matrix M { get; init; }

        public required Matrix R1 { get; init; }

        public required Matrix R2 { get; init; }

        public IEnumerable<Linear> Linears => [Q, K, V, O, Gate, Up, Down];

        public void Dispose()
        {
            foreach (Linear linear in Linears)
            {
                linear.Dispose();
            }

            foreach (Matrix matrix in (Matrix[])[X0, Xn1, Qs, Ks, Vs, P, Attended, X1, Xn2, G, U, M, R1, R2])
            {
                matrix.Dispose();
            }
        }
    }
}
