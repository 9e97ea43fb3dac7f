"""What a benchmark runs on, from its start to its end: a broker, a supervisor, scratch folders."""

import logging
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.result import Say
from benchmarks.subjects import Launcher
from inventory_stream.devservers import JVM_FOR_LOAD, KafkaServer, KafkaSettings
from inventory_stream.devservers.supervisor import Supervisor


@contextmanager
def bench_at(
    bootstrap_servers: str | None,
    say: Say,
    jvm_options: tuple[str, ...] = JVM_FOR_LOAD,
    profile_dir: Path | None = None,
) -> Iterator[Bench]:
    """Have what scenarios run on: a given broker, or one that is started and ends again.

    Raises:
        DevServerError: no broker could be started.
    """
    # A topic that was made a moment ago refuses a first append now and then; the client retries, and says so.
    logging.getLogger("aiokafka").setLevel(logging.ERROR)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="inventory-stream-bench-")))
        if bootstrap_servers is None:
            settings = KafkaSettings(jvm_options=jvm_options)
            kafka = stack.enter_context(KafkaServer(folder / "kafka", settings))
            bootstrap_servers = kafka.bootstrap_servers
        supervisor = stack.enter_context(Supervisor(folder / "logs"))
        if profile_dir is not None:
            profile_dir.mkdir(parents=True, exist_ok=True)
        launcher = Launcher(supervisor, bootstrap_servers, folder / "worker", profile_dir)
        yield Bench(bootstrap_servers, launcher, folder, say)
