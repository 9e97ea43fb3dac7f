"""R8: the movements that a position keeps, in their order however they come."""

from hypothesis import given, settings
from hypothesis import strategies as st

from inventory_stream.ledger.moved import NOTHING_MOVED, Moved

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["add", "add", "late", "forget"]), st.integers(0, 9), st.integers(-(10**9), 10**9)
    ),
    max_size=80,
)


@settings(deadline=None)
@given(before=st.integers(0, 300), steps=STEPS)
def test_movements_are_those_of_a_sorted_list(before: int, steps: list[tuple[str, int, int]]) -> None:
    """R8: a count adds up what came after it, so none may be lost, doubled or out of its order."""
    moved, model = Moved(), [(at_ms, 1) for at_ms in range(before)]
    for at_ms, delta in model:
        moved.add(at_ms, delta)
    now_ms = before
    for what, later_ms, delta in steps:
        if what == "forget":
            moved.forget(now_ms - later_ms * 10)
            model = [entry for entry in model if entry[0] > now_ms - later_ms * 10]
        else:
            now_ms += later_ms if what == "add" else 0
            at_ms = now_ms if what == "add" else max(0, now_ms - later_ms * 7)
            moved.add(at_ms, delta)
            model.append((at_ms, delta))
        assert sorted(moved) == sorted(model)
        assert [at_ms for at_ms, _ in moved] == sorted(at_ms for at_ms, _ in model)
        assert (len(moved), moved.units) == (len(model), sum(delta for _, delta in model))
        assert not model or moved.oldest_ms == min(model)[0]


def test_forgotten_movements_leave_the_memory() -> None:
    """R8: a position that moves for years keeps what its window holds, not all that it ever held."""
    moved = Moved()
    for at_ms in range(20_000):
        moved.add(at_ms, 1)
        moved.forget(at_ms - 100)
    assert len(moved) == 100
    assert len(moved._pairs) <= 2 * 200
    assert not NOTHING_MOVED
