"""How it was measured: the part of every result's page that is the same."""

from typing import Final

METHOD: Final = """\
How it was measured: one broker, one partition, all on this machine. Throughput is a
closed loop: every command lay in the log before the process was started, so the generator took no
CPU; the rate is by the broker's record times, from the first append of outcomes to the last, the
first one's commands not counted (`..._wall` is the same by the clock of a watcher outside, and
`..._with_start` includes the start of the process). Latency is an open loop: from the moment a
command was DUE until its row was read back from the ledger, warm-up left out. The bare loop ran in
turns with the worker on the same commands: a plain aiokafka loop with the same decoder, one number
per SKU, one small row per command. Medians of the runs; ratios are medians of each run's ratio.
Every decision was read back and compared with a model: one outcome per command, the right one,
granted within stock.

`view` is an open loop, too, with the real projection worker and a Valkey beside the ledger worker:
from when a command was DUE until a subscriber heard a version of its SKU that holds its effect
(refusals change nothing that could be told). At the end the hash of every SKU and the set of those
sold out were compared with the ledger.

`recovery`: the owner of a filled partition got SIGKILL while a command came every 20 ms. Rows per
second are those of the next owner, by its own metrics: all that it read, compacted or not, over the
time from its claim until it was ready to decide. The first decision is by record times of the ledger,
from the kill on; allowed are the session timeout of 6 s, 3 s, and 4 s per million rows. First a second
worker of the group took over, then the only worker was killed and started again by its supervisor.
Afterwards `ledger verify` recomputed the whole ledger.

`memory`: a fresh process each, with everything imported that a worker imports; resident memory (RSS)
after many of one kind less before them, divided by their number, indexes and all. Decided: commands
came from wire bytes, 100 to a batch, 20,000 a second by the ledger's clock. Recovered: the rows of
these were read as an owner reads them. Live reservations and receipts (of till sales) lie on 5,000 SKUs
with one location, positions have four locations to a SKU. MB are millions of bytes.
"""
