// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Training.Kernels;

/// <summary>Work on rows that do not depend on each other.</summary>
internal interface IRowJob
{
    /// <summary>Does one row. Must not throw.</summary>
    void Row(int i);
}

/// <summary>Threads that wait for rows. They are started once, and giving them work allocates nothing.</summary>
/// <remarks>Every row is done by the same instructions whoever does it, so results do not depend on the number of threads.</remarks>
internal static unsafe class Workers
{
    private static readonly Lock Gate = new();
    private static readonly List<Worker> All = [];

    /// <summary>Does all rows, on this thread and others.</summary>
    /// <param name="count">How many rows.</param>
    /// <param name="threads">The most threads, this one included.</param>
    /// <param name="job">The work; it lies on the caller's stack until all rows are done.</param>
    public static void Rows<T>(int count, int threads, T job)
        where T : unmanaged, IRowJob
    {
        int parts = Math.Min(threads, count);

        // Somebody else has the workers: then this thread does its rows alone, with the same result.
        if (parts <= 1 || !Gate.TryEnter())
        {
            Share<T>(&job, 0, count);
            return;
        }

        try
        {
            while (All.Count < parts - 1)
            {
                All.Add(new Worker());
            }

            int share = (count + parts - 1) / parts;
            for (int part = 1; part < parts; part++)
            {
                All[part - 1].Begin(&Share<T>, &job, Math.Min(count, part * share), Math.Min(count, (part + 1) * share));
            }

            Share<T>(&job, 0, share);
            for (int part = 1; part < parts; part++)
            {
                All[part - 1].Wait();
            }
        }
        finally
        {
            Gate.Exit();
        }
    }

    private static void Share<T>(void* job, int start, int end)
        where T : unmanaged, IRowJob
    {
        for (int i = start; i < end; i++)
        {
            ((T*)job)->Row(i);
        }
    }

    private sealed class Worker
    {
        private readonly Signal _begin = new();
        private readonly Signal _done = new();
        private delegate*<void*, int, int, void> _share;
        private void* _job;
        private int _start;
        private int _end;

        public Worker() => new Thread(Work) { IsBackground = true, Name = "rows" }.Start();

        public void Begin(delegate*<void*, int, int, void> share, void* job, int start, int end)
        {
            _share = share;
            _job = job;
            (_start, _end) = (start, end);
            _begin.Set();
        }

        public void Wait() => _done.Wait();

        private void Work()
        {
            while (true)
            {
                _begin.Wait();
                _share(_job, _start, _end);
                _done.Set();
            }
        }
    }
}
