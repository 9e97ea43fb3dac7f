"""How it was measured: the part of every result's page that is the same."""

from typing import Final

METHOD: Final = """\
How it was measured: one broker, one partition where nothing else is said, all on this machine. Throughput is
a closed loop: every command lay in the log before the process was started, so the generator took no
CPU; the rate is by the broker's record times, from the first append of outcomes to the last, the
first one's commands not counted (`..._wall` is the same by the clock of a watcher outside, and
`..._with_start` includes the start of the process). Latency is an open loop: from the moment a
command was DUE until its row was read back from the ledger, warm-up left out. The bare loop ran in
turns with the worker on the same commands: a plain aiokafka loop with the same decoder, one number
per SKU, one small row per command. Medians of the runs; ratios are medians of each run's ratio.
Every decision was read back and compared with a model: one outcome per command, the right one,
granted within stock.

CPU, memory and bytes stand with every scenario: `cpu_us_per_command` of the measured process from its first
append on, `broker_...` and `harness_...` of the others over the whole run, a process start included;
`resident_mb` at the end; `input_bytes_...` of record values going in, `ledger_bytes_...` of keys and values
of rows coming out. The JSON file has the sizes of all batches, in buckets of powers of two.

`sweep`: one worker, rates one after the other, each after the line that the one before left was decided; a
fifth of each does not count. A rate whose p99 passes the bound is tried again (`tries`), the better try
counts, and it ends with the first rate that passes it twice. Where all was granted until then, more commands
are sent at once, unmeasured, until a thousand were refused. `generator_lag_p99_ms` says how late the
generator itself was: its lateness is in the latencies, against us.

`mixed`: stock of half the SKUs is tight, so that reserves are refused; the others are corrected, by the
other topic, and have plenty, as the two topics have no order. Every answer, every repeat's, and every
position were compared with a model. `groups`: so was the location that each unit came from.

`live-1m`: a million reservations were decided, then the worker was started anew, read them, and decided
more: the rate leaves that reading out. `expiry-storm`: latencies of commands due before the first deadline,
and of those due from then until the last of all had expired, by the ledger's record times; none expired in
or before the millisecond of its deadline, each exactly once.

`scaling`: commands went to all partitions at once while the workers ran, since whoever starts first would
begin alone; `..._cores` are the cores that each part kept busy meanwhile, `subject_...` all workers together.
Where they sum to all there are, these are the limit and not the workers. Where a worker keeps less than one
core busy and cores are left, it waits, for commands or for its appends: of each partition one append is under
way at the broker while the next batch is decided. On 2 cores (2026-11-22) one worker kept 0.70 of a core busy
with one hot SKU and 0.77 with two, two workers 1.05 together; the broker 0.16 to 0.22, the harness about
0.1. So neither the machine nor a worker's core was full: a second partition gave one worker 2 % more, and
what limited it is the wait.

`faults`: one hot SKU at a fixed rate while its owner got SIGKILL, again and again, each time after the heir
had worked for a while. Goodput is what could be read from the ledger within 1 s of when it was due; all the
rest came later, none twice, none not at all. The stock ends between the kills, so that there are owners who
must refuse everything: what does not fit it counts as oversold, and a load that never sold out, here or
anywhere, does not count. Recovery is from the kill to the next owner's first decision.
With a static place in the group (`faults-static`) a restart needs no session timeout.

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
with one location, positions have four locations to a SKU. `live reservation` is that of a plain one, granted
and nothing else asked of it since: a repeat of its command or an extension opens it to a whole row, which
takes more and is not measured here. MB are millions of bytes.
"""
