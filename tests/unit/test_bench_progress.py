"""The order of runs, the lines for who waits, and what `make bench` may take."""

from benchmarks import harness
from benchmarks.catalogue import FAULTS, HEADLINE, SCENARIOS
from benchmarks.gateway.scenarios import SCENARIOS as GATEWAY_SCENARIOS
from benchmarks.gateway.scenarios import Load
from benchmarks.peers.registry import PEERS
from benchmarks.progress import progress_line, seconds_of, steps_of
from benchmarks.scenarios import (
    BARE_LOOP,
    GatewayLoad,
    Memory,
    PeersClosed,
    PeersOpen,
    Scaling,
    scaling_subject,
)

HEADLINE_SECONDS_MAX = 15 * 60
CHARTS_SECONDS = 20


def scenario(name: str, about_seconds: int) -> Memory:
    """Make a scenario of any kind."""
    return Memory(name=name, title=name, about_seconds=about_seconds, items=1, skus=1)


def test_first_runs_of_all_come_before_the_second_of_any() -> None:
    """A slow minute must spoil one run of each scenario, not all runs of one."""
    steps = steps_of([(scenario("a", 10), 2), (scenario("b", 20), 1), (scenario("c", 30), 2)])
    assert [(step.scenario.name, step.number) for step in steps] == [
        ("a", 0),
        ("b", 0),
        ("c", 0),
        ("a", 1),
        ("c", 1),
    ]
    assert seconds_of(steps) == 100


def test_progress_goes_by_the_pace_of_what_is_done() -> None:
    """What is left must follow from how long the work so far took, once that is enough to tell."""
    steps = steps_of([(scenario("a", 120), 1), (scenario("b", 120), 1)])
    assert progress_line(steps, 0, 0.0) == "1 of 2: a run 1, about 4 minutes left"
    assert progress_line(steps, 1, 240.0) == "2 of 2: b run 1, about 4 minutes left"
    short = steps_of([(scenario("a", 10), 1), (scenario("b", 20), 1)])
    assert progress_line(short, 1, 500.0) == "2 of 2: b run 1, less than a minute left"


def test_headline_fits_a_quarter_of_an_hour() -> None:
    """What the scenarios of `make bench` say they take must leave time for the charts."""
    steps = steps_of([(one, one.headline_runs) for one in HEADLINE])
    assert seconds_of(steps) + CHARTS_SECONDS <= HEADLINE_SECONDS_MAX


def test_targets_name_subjects_that_there_are() -> None:
    """A target against a peer that nobody has would be missed for ever."""
    peers = {peer.name for peer in PEERS}
    for one in SCENARIOS:
        against = {target.against for target in one.targets if target.is_ratio}
        if isinstance(one, PeersClosed | PeersOpen):
            assert against <= {BARE_LOOP} | peers
        elif isinstance(one, Scaling):
            assert against <= {scaling_subject(*setup) for setup in one.setups}
        else:
            assert against <= {BARE_LOOP}


def test_every_kind_of_scenario_is_run_by_somebody() -> None:
    """A kind without a runner, or a load that the gateway's benchmark lacks, would end a long run late."""
    for one in SCENARIOS:
        assert (type(one) in harness._ALONE) != (type(one) in harness._IN_TURNS)
        if isinstance(one, GatewayLoad):
            assert one.load in {load.name for load in GATEWAY_SCENARIOS if isinstance(load, Load)}


def test_names_are_unique_and_faults_are_found() -> None:
    """A scenario is asked for by its name, and `--faults` must find both ways to join a group."""
    names = [one.name for one in SCENARIOS]
    assert len(set(names)) == len(names)
    assert {one.is_static for one in FAULTS} == {True, False}
