"""One load of benchmarks/gateway at a length of its own: from a shopper's request to the answer."""

from dataclasses import replace

from benchmarks.bench import Bench
from benchmarks.gateway.driving import run_load
from benchmarks.gateway.live_readers import allow_files
from benchmarks.gateway.scenarios import SCENARIOS, Load
from benchmarks.gateway.stack import Stack
from benchmarks.result import RunResult, SubjectResult
from benchmarks.scenarios import GATEWAY, GatewayLoad


async def run_gateway(bench: Bench, scenario: GatewayLoad, prefix: str) -> RunResult:
    """Start the whole stack, a broker of its own with it, and send it the load.

    Raises:
        NotReadyError: a process did not come up, or ended by itself.
        RuntimeError: the generator failed.
    """
    load = next(one for one in SCENARIOS if isinstance(one, Load) and one.name == scenario.load)
    load = replace(load, warm_up_seconds=scenario.warm_up_seconds)
    allow_files()
    folder = bench.folder / f"{prefix}stack"
    folder.mkdir()
    with Stack(folder) as stack:
        await stack.start_gateway()
        result = await run_load(stack, load, scenario.seconds, folder)
    cores = {f"{name.replace(' ', '_').lower()}_cores": used for name, used in result.cpu.items()}
    figures = {**result.figures, **cores}
    return {GATEWAY: SubjectResult(figures, result.faults, "", result.oversold_units)}
