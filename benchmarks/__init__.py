"""How fast, how late, and whether it still counted right: the figures of `make bench`.

    python -m benchmarks --help

The ledger worker is the real one, as a process of its own; beside it, in the same run, a bare
aiokafka loop does the least that any such worker must do. A figure counts only when every decision
behind it was read back from the log and found to be the right one.
"""
