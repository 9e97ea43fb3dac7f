"""How fast, how fair and how large channels are: see the README of benchmarks/results."""
