"""Who hears of which SKUs' changes."""

from collections.abc import Callable, Collection
from typing import Final

from inventory_stream.ports.shelf import OnChange


class Watch:
    """One subscription; implements `ports.shelf.Subscription`."""

    __slots__ = ("_leave", "on_change", "skus")

    def __init__(self, skus: frozenset[str], on_change: OnChange, leave: Callable[["Watch"], None]) -> None:
        self.skus = skus
        self.on_change = on_change
        self._leave = leave

    def close(self) -> None:
        """Hear no more."""
        self._leave(self)


class Watchers:
    """Watches by SKU, so that a change costs what its own watches cost and no more."""

    def __init__(self) -> None:
        self._by_sku: Final[dict[str, dict[Watch, None]]] = {}
        self._of_all: Final[list[OnChange]] = []

    def add(self, skus: Collection[str], on_change: OnChange) -> Watch:
        """Have somebody hear of these SKUs."""
        watch = Watch(frozenset(skus), on_change, self._leave)
        for sku in watch.skus:
            self._by_sku.setdefault(sku, {})[watch] = None
        return watch

    def add_all(self, on_change: OnChange) -> None:
        """Have somebody hear of every SKU."""
        self._of_all.append(on_change)

    @property
    def has_any_sku(self) -> bool:
        """Whether somebody follows whatever there is."""
        return bool(self._of_all)

    @property
    def skus(self) -> Collection[str]:
        """The SKUs that somebody watches."""
        return self._by_sku.keys()

    def tell(self, changed: Collection[str]) -> None:
        """Call each watch of these SKUs once, with those of them that it follows."""
        for on_change in self._of_all:
            on_change(changed)
        heard: dict[Watch, list[str]] = {}
        for sku in changed:
            for watch in self._by_sku.get(sku, ()):
                heard.setdefault(watch, []).append(sku)
        for watch, skus in heard.items():
            watch.on_change(skus)

    def _leave(self, watch: Watch) -> None:
        for sku in watch.skus:
            watches = self._by_sku.get(sku)
            if watches is not None:
                watches.pop(watch, None)
                if not watches:
                    del self._by_sku[sku]
