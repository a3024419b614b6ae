"""Side by side with other programs: `make bench` (docs/benchmarks.md)."""
