"""What the benchmarks run on: processes, servers, load, figures, and how they are told."""
