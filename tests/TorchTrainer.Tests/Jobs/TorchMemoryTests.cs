// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using FedCloud.Protocol.Plans;
using FedCloud.TorchTrainer.Decoders;
using FedCloud.TorchTrainer.Tests.Decoders;
using FedCloud.Training.Decoders;
using FedCloud.Training.Tests.Decoders;
using TorchSharp;
using Xunit.Abstractions;

namespace FedCloud.TorchTrainer.Tests.Jobs;

/// <summary>Steps leave nothing behind.</summary>
public sealed class TorchMemoryTests(ITestOutputHelper output)
{
    private const int Length = 24;
    private const int Steps = 1000;
    private const long MostGrowth = 16 << 20; // a tensor of a layer left each step would be 20 MB

    [TorchTheory]
    [InlineData("gemma2", false)]
    [InlineData("llama2", true)]
    public void Step_AThousandOfThem_KeepNoTensorAndNoMemory(string name, bool apart)
    {
        using FamilyBase family = new(name);
        using DecoderModel managed = family.Load(2 * Length, Length);
        using TorchDecoder model = TorchModels.Like(managed, family.Folder, 2 * Length, Length);
        model.TrainAdapter(ExchangedFactor.Both);
        using IExampleGradients? rows = apart ? model.KeepExamples(2) : null;
        int[] tokens = [.. Enumerable.Range(0, 2 * Length).Select(i => (i * 31) % FamilyBase.Vocabulary)];
        (long tensors, long bytes) = (0, 0);

        for (int step = 1; step <= Steps; step++)
        {
            model.ZeroGradients();
            model.Forward(tokens, 2, Length, [Length, 1 + (step % Length)]);
            model.Loss(tokens, 0.01f);
            model.Backward();
            if (step == Steps / 10)
            {
                (tensors, bytes) = (DisposeScopeManager.Statistics.ThreadTotalLiveCount, WorkingSet());
            }
        }

        long growth = WorkingSet() - bytes;
        output.WriteLine($"{tensors} tensors, {growth >> 10} KiB more after {Steps} steps");
        Assert.Equal(tensors, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
        Assert.True(growth < MostGrowth, $"{growth} bytes more");
    }

    [TorchFact]
    public void Dispose_Model_LeavesNoTensor()
    {
        using FamilyBase family = new("gemma3");
        using DecoderModel managed = family.Load(2 * Length, Length);
        long before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;

        using (TorchDecoder model = TorchModels.Like(managed, family.Folder, 2 * Length, Length))
        {
            model.TrainAdapter(ExchangedFactor.Both);
            model.Forward(new int[Length], 1, Length);
            model.Loss(new int[Length], 1);
        }

        Assert.Equal(before, DisposeScopeManager.Statistics.ThreadTotalLiveCount);
    }

    private static long WorkingSet()
    {
        GC.Collect();
        return Environment.WorkingSet;
    }
}
