// Copyright (c) FedCloud contributors. Licensed under the MIT License.

// Threads and determinism of libtorch are the process's, and so is the working set that tests measure.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
