// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Training.Decoders;

namespace FedCloud.Training.Tests.Decoders;

/// <summary>The same model from its papers' formulas, one token at a time in double precision, sharing nothing with the engine: its judge.</summary>
internal sealed class SlowLlama(ModelConfig c, IReadOnlyDictionary<string, float[]> weights, double loraScaling)
{
    /// <summary>The logits after each token of one sequence.</summary>
    public double[][] Logits(int[] tokens)
    {
        double[][] x = [.. tokens.Select(token => weights["model.embed_tokens.weight"].Skip(token * c.Hidden).Take(c.Hidden).Select(v => (double)v).ToArray())];
        for (int l = 0; l < c.Layers; l++)
        {
            string p = $"model.layers.{l}.";
            double[][] normed = [.. x.Select(row => Norm(row, p + "input_layernorm.weight"))];
            double[][] attended = Attention(normed, p + "self_attn.");
            x = [.. x.Zip(attended, Add)];
            x = [.. x.Select(row => Add(row, Mlp(Norm(row, p + "post_attention_layernorm.weight"), p + "mlp.")))];
        }

        string head = c.TiedHead ? "model.embed_tokens" : "lm_head";
        return [.. x.Select(row => Linear(Norm(row, "model.norm.weight"), head))];
    }

    private double[][] Attention(double[][] x, string prefix)
    {
        double[][] q = [.. x.Select((row, t) => Rotate(Linear(row, prefix + "q_proj"), t))];
        double[][] k = [.. x.Select((row, t) => Rotate(Linear(row, prefix + "k_proj"), t))];
        double[][] v = [.. x.Select(row => Linear(row, prefix + "v_proj"))];
        double[][] output = new double[x.Length][];
        for (int t = 0; t < x.Length; t++)
        {
            double[] joined = new double[c.Heads * c.HeadWidth];
            for (int h = 0; h < c.Heads; h++)
            {
                int shared = h * c.KeyValueHeads / c.Heads * c.HeadWidth;
                double[] scores = [.. Enumerable.Range(0, t + 1).Select(s => Enumerable.Range(0, c.HeadWidth).Sum(i => q[t][(h * c.HeadWidth) + i] * k[s][shared + i]) / Math.Sqrt(c.HeadWidth))];
                double[] weight = [.. scores.Select(score => Math.Exp(score - scores.Max()))];
                for (int i = 0; i < c.HeadWidth; i++)
                {
                    joined[(h * c.HeadWidth) + i] = Enumerable.Range(0, t + 1).Sum(s => weight[s] * v[s][shared + i]) / weight.Sum();
                }
            }

            output[t] = Linear(joined, prefix + "o_proj");
        }

        return output;
    }

    private double[] Mlp(double[] x, string prefix)
    {
        double[] gate = Linear(x, prefix + "gate_proj");
        double[] up = Linear(x, prefix + "up_proj");
        return Linear([.. gate.Zip(up, (g, u) => g / (1 + Math.Exp(-g)) * u)], prefix + "down_proj");
    }

    // Su et al. 2021 in Hugging Face's layout: coordinate i turns with coordinate i + half.
    private double[] Rotate(double[] heads, int position)
    {
        int half = c.HeadWidth / 2;
        double[] turned = new double[heads.Length];
        for (int start = 0; start < heads.Length; start += c.HeadWidth)
        {
            for (int i = 0; i < half; i++)
            {
                double angle = position * Frequency(i);
                (double a, double b) = (heads[start + i], heads[start + half + i]);
                turned[start + i] = (a * Math.Cos(angle)) - (b * Math.Sin(angle));
                turned[start + half + i] = (b * Math.Cos(angle)) + (a * Math.Sin(angle));
            }
        }

        return turned;
    }

    // By wavelengths, as Llama 3.1 was published with.
    private double Frequency(int i)
    {
        double frequency = 1 / Math.Pow(c.Rope!.Theta, 2.0 * i / c.HeadWidth);
        if (c.Rope!.Stretch is not { } stretch)
        {
            return frequency;
        }

        double wavelength = 2 * Math.PI / frequency;
        if (wavelength < stretch.OriginalPositions / stretch.HighFrequencyFactor)
        {
            return frequency;
        }

        if (wavelength > stretch.OriginalPositions / stretch.LowFrequencyFactor)
        {
            return frequency / stretch.Factor;
        }

        double smooth = ((stretch.OriginalPositions / wavelength) - stretch.LowFrequencyFactor) / (stretch.HighFrequencyFactor - stretch.LowFrequencyFactor);
        return ((1 - smooth) * frequency / stretch.Factor) + (smooth * frequency);
    }

    private double[] Norm(double[] x, string name)
    {
        double r = 1 / Math.Sqrt(x.Average(v => v * v) + c.NormEpsilon);
        return [.. x.Select((v, i) => v * r * weights[name][i])];
    }

    private double[] Linear(double[] x, string module)
    {
        double[] y = Times(weights[module + ".weight"], x);
        if (weights.TryGetValue($"base_model.model.{module}.lora_A.weight", out float[]? a))
        {
            double[] low = Times(weights[$"base_model.model.{module}.lora_B.weight"], Times(a, x));
            y = Add(y, [.. low.Select(v => v * loraScaling)]);
        }

        return y;
    }

    private static double[] Times(float[] matrix, double[] x) =>
        [.. Enumerable.Range(0, matrix.Length / x.Length).Select(row => Enumerable.Range(0, x.Length).Sum(i => matrix[(row * x.Length) + i] * x[i]))];

    private static double[] Add(double[] a, double[] b) => [.. a.Zip(b, (u, v) => u + v)];
}
