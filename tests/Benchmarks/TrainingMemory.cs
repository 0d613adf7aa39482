// Copyright (c) FedCloud contributors. Licensed under the MIT License.

using System.Diagnostics;
using FedCloud.Protocol.Plans;
using FedCloud.Training.Decoders;
using FedCloud.Training.Optimization;

namespace FedCloud.Benchmarks;

/// <summary>The memory of 1,000 steps of the training benchmark, optimizer included.</summary>
internal static class TrainingMemory
{
    private const int WarmUps = 20;
    private const int Steps = 1_000;
    private const int Every = 100;

    public static int Run()
    {
        string folder = Directory.CreateTempSubdirectory("training").FullName;
        try
        {
            TrainingModel.Write(folder);
            using DecoderModel model = TrainingModel.Load(folder, threads: 2);
            model.TrainAdapter(ExchangedFactor.Both);
            AdamW optimizer = new(model.Trained, new AdamWOptions(0.9, 0.999, 1e-8, 0, 1));
            (int[] tokens, int[] targets) = TrainingModel.Batch(folder);
            Console.WriteLine("| steps | working set, MiB | managed heap, KiB | allocated since the first line, bytes |");
            Console.WriteLine("| --- | --- | --- | --- |");
            long start = 0;
            for (int step = 1; step <= WarmUps + Steps; step++)
            {
                model.ZeroGradients();
                model.Forward(tokens, TrainingModel.Sequences(), TrainingModel.Length);
                model.Loss(targets, 1f / TrainingModel.Rows);
                model.Backward();
                optimizer.Step(1e-4);
                if ((step - WarmUps) % Every == 0 && step >= WarmUps)
                {
                    long allocated = GC.GetTotalAllocatedBytes(precise: true);
                    start = step == WarmUps ? allocated : start;
                    using Process self = Process.GetCurrentProcess();
                    (long workingSet, long heap) = (self.WorkingSet64 >> 20, GC.GetTotalMemory(forceFullCollection: false) >> 10);
                    Console.WriteLine($"| {step - WarmUps} | {workingSet} | {heap} | {allocated - start} |");
                    start += GC.GetTotalAllocatedBytes(precise: true) - allocated; // not the printing's
                }
            }

            return 0;
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
