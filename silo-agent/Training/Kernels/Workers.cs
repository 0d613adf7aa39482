// Copyright (c) FedCloud contributors. Licensed under the MIT License.

namespace FedCloud.Training.Kernels;

/// <summary>Work on rows that do not depend on each other.</summary>
internal interface IRowJob
{
    /// <summary>Does one row. Must not throw.</summary>
    void Row(int i);
}

/// <summary>Work on rows that do not depend on each other, many at once.</summary>
internal interface IRangeJob
{
    /// <summary>Does the rows from one up to another. Must not throw.</summary>
    void Range(int start, int end);
}

/// <summary>Threads that wait for rows. They are started once, and giving them work allocates nothing.</summary>
/// <remarks>
/// Each thread takes a share of the rows that are left, again and again (guided self-scheduling: Polychronopoulos and Kuck 1987), so
/// that a thread which the machine holds up for a while, or which has longer rows, is not waited for with all of its part. Every row
/// is done by the same instructions whoever does it, so results depend neither on that nor on the number of threads.
/// </remarks>
internal static unsafe class Workers
{
    private static readonly List<Worker> All = [];
    private static int _taken;

    /// <summary>Does all rows, on this thread and others.</summary>
    /// <param name="count">How many rows.</param>
    /// <param name="threads">The most threads, this one included.</param>
    /// <param name="job">The work; it lies on the caller's stack until all rows are done.</param>
    public static void Rows<T>(int count, int threads, T job)
        where T : unmanaged, IRowJob => Ranges(count, threads, new RowRanges<T>(job));

    /// <summary>Does all rows, on this thread and others, in ranges.</summary>
    /// <param name="count">How many rows.</param>
    /// <param name="threads">The most threads, this one included.</param>
    /// <param name="job">The work; it lies on the caller's stack until all rows are done.</param>
    /// <param name="least">The fewest rows that are worth taking.</param>
    public static void Ranges<T>(int count, int threads, T job, int least = 1)
        where T : unmanaged, IRangeJob
    {
        int parts = Math.Min(threads, (count + least - 1) / least);

        // Somebody else has the workers, or a row of this thread's own: then this thread does its rows alone, with the same result.
        if (parts <= 1 || Interlocked.Exchange(ref _taken, 1) != 0)
        {
            job.Range(0, count);
            return;
        }

        try
        {
            while (All.Count < parts - 1)
            {
                All.Add(new Worker());
            }

            Rest<T> rest = new() { Job = job, Count = count, Parts = parts, Least = least };
            for (int part = 1; part < parts; part++)
            {
                All[part - 1].Begin(&Take<T>, &rest);
            }

            Take<T>(&rest);
            for (int part = 1; part < parts; part++)
            {
                All[part - 1].End();
            }
        }
        finally
        {
            Volatile.Write(ref _taken, 0);
        }
    }

    private static void Take<T>(void* work)
        where T : unmanaged, IRangeJob
    {
        Rest<T>* rest = (Rest<T>*)work;
        for (int start = Volatile.Read(ref rest->Start); start < rest->Count;)
        {
            int left = rest->Count - start;
            int end = start + Math.Min(left, Math.Max(rest->Least, left / (2 * rest->Parts)));
            int before = Interlocked.CompareExchange(ref rest->Start, end, start);
            if (before == start)
            {
                rest->Job.Range(start, end);
                before = Volatile.Read(ref rest->Start);
            }

            start = before;
        }
    }

    private struct Rest<T>
        where T : unmanaged, IRangeJob
    {
        public T Job;
        public int Start;
        public int Count;
        public int Parts;
        public int Least;
    }

    private readonly struct RowRanges<T>(T job) : IRangeJob
        where T : unmanaged, IRowJob
    {
        public void Range(int start, int end)
        {
            for (int i = start; i < end; i++)
            {
                job.Row(i);
            }
        }
    }

    private sealed class Worker
    {
        private readonly Signal _begin = new();
        private readonly Signal _done = new();
        private delegate*<void*, void> _take;
        private void* _work;

        public Worker() => new Thread(Work) { IsBackground = true, Name = "rows" }.Start();

        public void Begin(delegate*<void*, void> take, void* work)
        {
            _take = take;
            _work = work;
            _begin.Set();
        }

        /// <summary>Waits until the worker has done what it took; one that has not begun is not waited for.</summary>
        public void End()
        {
            if (!_begin.Revoke())
            {
                _done.Wait();
            }
        }

        private void Work()
        {
            while (true)
            {
                _begin.Wait();
                _take(_work);
                _done.Set();
            }
        }
    }
}
