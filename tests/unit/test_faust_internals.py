"""Guards over what of Faust, mode and aiokafka is not their documented API."""

import inspect

import pytest

from inventory_stream.adapters.kafka import faust_internals as internals


@pytest.mark.parametrize(
    ("owner", "name", "parameters"),
    internals.TOUCHED,
    ids=[f"{getattr(owner, '__name__', owner)}.{name}" for owner, name, _ in internals.TOUCHED],
)
def test_a_touched_method_has_the_parameters_that_we_use(owner: object, name: str, parameters: str) -> None:
    """A release that renames a method or changes its parameters must be read before it is used."""
    method = getattr(owner, name)
    assert " ".join(inspect.signature(method).parameters) == parameters


@pytest.mark.parametrize(
    ("owner", "name"),
    internals.TOUCHED_ATTRIBUTES,
    ids=[f"{owner.__name__}.{name}" for owner, name in internals.TOUCHED_ATTRIBUTES],
)
def test_a_touched_attribute_is_declared(owner: type, name: str) -> None:
    """A release that drops or renames an attribute must be read before it is used."""
    assert name in inspect.get_annotations(owner) or hasattr(owner, name)


def test_every_private_override_is_guarded() -> None:
    """No class of the module overrides a private name of its base that the list above leaves out."""
    listed = {name for _, name, _ in internals.TOUCHED}
    for cls in vars(internals).values():
        if not inspect.isclass(cls) or cls.__module__ != internals.__name__:
            continue
        private = {name for name in vars(cls) if name.startswith("_") and not name.startswith("__")}
        overridden = {name for name in private if any(hasattr(base, name) for base in cls.__bases__)}
        # Set by ABCMeta and by mode's Service on every class, not by us.
        overridden -= {"_abc_impl", "_tasks"}
        assert overridden <= listed, cls


def test_an_untested_release_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker does not start on a release whose internals nobody has read, and says which it wants."""
    monkeypatch.setitem(internals.TESTED_VERSIONS, "faust-streaming", "0.16.")
    with pytest.raises(internals.UntestedFaustError, match=r"0\.16\."):
        internals.check_faust_versions()
