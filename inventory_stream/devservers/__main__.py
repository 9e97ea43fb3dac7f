"""Runs Kafka and Valkey from a shell until it is told to stop."""

import argparse
import logging
import select
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from inventory_stream.devservers.cache import CACHE_DIR_VARIABLE
from inventory_stream.devservers.errors import DevServerError
from inventory_stream.devservers.kafka import JVM_FOR_LOAD, KafkaServer, KafkaSettings
from inventory_stream.devservers.valkey import ValkeyServer, ValkeySettings

# Under .run/, which git ignores: everything that a working copy makes while it runs.
DEFAULT_DATA_DIR: Final = Path(".run/devservers")

# TCP's field for a port has 16 bits.
PORT_NUMBER_MAX: Final = 65_535

DESCRIPTION: Final = """\
Start one Kafka broker and one Valkey on 127.0.0.1, print their addresses on standard
output once both answer, and run until Ctrl-C or SIGTERM. They end with this process,
also when it crashes. Needs java >= 17; the first run also needs mvn >= 3.8, to fetch
Kafka's jars (43 MB)."""

EPILOG: Final = f"""\
examples:
  Look at the addresses, on ports that are free now:
    python -m inventory_stream.devservers

  Give them to inventory-stream in another shell:
    mkdir -p .run && python -m inventory_stream.devservers --env > .run/env
    . .run/env                      # in the other shell

  The usual ports, and data of their own, kept for the next run:
    python -m inventory_stream.devservers --kafka-port 9092 --valkey-port 6379 --data-dir .run/mine

  A fresh start: stop it and remove the data folder.

files:
  DATA_DIR/kafka/kafka.log, DATA_DIR/valkey/valkey.log    what the servers say
  DATA_DIR/kafka/server.properties                        the broker's settings
  ~/.cache/inventory-stream                               the jars; {CACHE_DIR_VARIABLE}
                                                          or XDG_CACHE_HOME moves them

Exit status: 0 after Ctrl-C or SIGTERM, 1 when a server did not start or ended by itself.
Machines with containers can use `docker compose up` instead (docker-compose.yml)."""


def port_number(text: str) -> int:
    """Return the port that the text names."""
    port = int(text)
    if not 0 < port <= PORT_NUMBER_MAX:
        raise argparse.ArgumentTypeError(f"{text} is not a port; ports are 1-{PORT_NUMBER_MAX}")
    return port


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m inventory_stream.devservers",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--data-dir",
        type=Path,
        default=DEFAULT_DATA_DIR,
        help="folder of data and logs, made when absent and kept (default: %(default)s)",
    )
    parser.add_argument("--kafka-port", type=port_number, help="port of Kafka (default: a free one)")
    parser.add_argument("--valkey-port", type=port_number, help="port of Valkey (default: a free one)")
    parser.add_argument(
        "--env",
        action="store_true",
        help="print the addresses as `export NAME=value` lines for a shell",
    )
    return parser.parse_args(arguments)


def addresses(kafka: KafkaServer, valkey: ValkeyServer, *, as_exports: bool) -> str:
    """Return the two lines for standard output."""
    if as_exports:
        return (
            f"export INVENTORY_STREAM_KAFKA__BOOTSTRAP_SERVERS={kafka.bootstrap_servers}\n"
            f"export INVENTORY_STREAM_REDIS__URL={valkey.url}\n"
        )
    return f"kafka {kafka.bootstrap_servers}\nvalkey {valkey.url}\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run both servers; return the exit status."""
    options = parse(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    # SIGTERM unwinds the `with` below just as Ctrl-C does. SIGINT, too, is set: a script's shell starts
    # what it puts in the background with SIGINT ignored, and Python then installs no handler of its own.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.default_int_handler)
    data_dir: Path = options.data_dir
    kafka = KafkaServer(data_dir / "kafka", KafkaSettings(port=options.kafka_port, jvm_options=JVM_FOR_LOAD))
    valkey = ValkeyServer(data_dir / "valkey", ValkeySettings(port=options.valkey_port))
    try:
        with valkey, kafka:
            sys.stdout.write(addresses(kafka, valkey, as_exports=options.env))
            sys.stdout.flush()
            select.select([kafka, valkey], [], [])  # readable when one has ended; Ctrl-C breaks out
            for server in (kafka, valkey):
                if not server.is_running():
                    sys.stderr.write(f"{server.name} ended by itself; its log: {server.log_path}\n")
            return 1
    except KeyboardInterrupt:
        return 0
    except (DevServerError, OSError) as error:  # OSError: the folder or the disk
        sys.stderr.write(f"{error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
