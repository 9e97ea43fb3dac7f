"""What operators ask of an account, done."""

import asyncio
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, Final

import structlog

from inventory_stream.flows.channels.bounds import newest_of
from inventory_stream.flows.channels.gate import MASS_CHANGE, MASS_DRIFT, ZEROS_FIRST
from inventory_stream.flows.channels.reconcile import Looked, Reconcile
from inventory_stream.flows.channels.smoke import Smoked, smoke
from inventory_stream.flows.channels.tasks import begun
from models.channels import Act, ReportRow

if TYPE_CHECKING:
    from inventory_stream.flows.channels.account import Account

log = structlog.get_logger(__name__)

STOPPED_LISTINGS_MAX: Final = 10_000
"""Listings that operators stopped one by one, 0.5 MB of the account's row, fewer where their ids are long
(`bounds`). Beyond it the oldest go on after the next takeover."""


class Acting:
    """Of one account. An act changes the kept row first, so that a later owner goes on with it."""

    def __init__(self, account: "Account") -> None:
        self._account = account
        self._reconcile: Final = Reconcile(
            Looked(
                channel=account.parts.channel,
                board=account.board,
                listings=lambda: account.changes.listings,
                now_ms=account.parts.now_ms,
                mass_change_share=account.integration.mass_change_share,
                is_busy=lambda: any(account.board.waiting),
                wake=account.sender.wake,
            )
        )
        self._running: asyncio.Task[None] | None = None
        self._refusing: asyncio.Task[None] | None = None
        self._is_drift_approved = False

    def fields_of(self, act: Act) -> dict[str, Any]:
        """Give what the act sets in the account's row."""
        row = self._account.gate.row
        parked = row.parked
        fields: dict[str, Any] = {}
        match act.kind:
            case "pause" if act.listings:
                both = dict.fromkeys((*row.stopped_listings, *act.listings))
                stopped = fields["stopped_listings"] = newest_of(both, STOPPED_LISTINGS_MAX)
                if len(stopped) < len(both):
                    log.warning("channel_stops_forgotten", listings=len(both) - len(stopped))
            case "resume" if act.listings:
                fields["stopped_listings"] = tuple(
                    listing for listing in row.stopped_listings if listing not in act.listings
                )
            case "pause" | "kill":
                fields["mode"] = "off"
                if act.zeros_first:
                    fields["parked"] = {**parked, ZEROS_FIRST: act.reason or act.kind}
            case "shadow":
                fields |= {"mode": "shadow", "parked": _without(parked, ZEROS_FIRST)}
            case "resume":
                # A mass change is approved or refused by name.
                left = {kind: why for kind, why in parked.items() if kind == MASS_CHANGE}
                fields |= {"mode": "on", "parked": left}
            case "approve":
                self._is_drift_approved = MASS_DRIFT in parked
                fields["parked"] = _without(parked, MASS_CHANGE, MASS_DRIFT)
        return fields

    def do(self, act: Act) -> None:
        """Do what the act asks beside that."""
        account = self._account
        board, now_ms = account.board, account.parts.now_ms()
        if act.kind == "pause" and act.listings:
            board.stop(act.listings, now_ms)
        elif act.kind == "resume" and act.listings:
            board.resume(act.listings, now_ms)
        elif act.kind == "resume":
            board.end_zeros(now_ms)
            board.forget_drift(now_ms)
            account.breaker.answered()
            account.gate.knocks.over()
            account.parts.mended()
        elif act.kind in {"pause", "kill"} and act.zeros_first:
            board.zeros_for_all(now_ms)
        elif act.kind == "approve":
            self._approve(act, now_ms)
        elif act.kind == "refuse":
            self._refuse()
        elif act.kind == "replay":
            board.replay(act.listings or None, now_ms)
        elif act.kind == "reconcile":
            self.reconcile(act.act_id, repairs=act.repairs, only=act.listings)
        elif act.kind == "smoke":
            self._run(self._smoke(act), act.act_id)

    def _approve(self, act: Act, now_ms: int) -> None:
        self._account.board.approve(now_ms)
        if self._is_drift_approved:
            self._is_drift_approved = False
            self.reconcile(act.act_id, repairs=True, allows_mass=True)

    def _refuse(self) -> None:
        if self._refusing is None or self._refusing.done():
            self._refusing = begun(self._bury(), self._account.parts.fail)

    async def _bury(self) -> None:
        """Bury a mass change in portions; it is over when every successor knows what was refused."""
        account = self._account
        board, parts = account.board, account.parts
        while not board.end_mass_change():
            while rows := board.refuse(parts.now_ms()):
                if not account.sender.is_dry:
                    account.keep(rows)
                await asyncio.sleep(0)
            await parts.keeper.kept()
        account.gate.unpark(MASS_CHANGE)

    def reconcile(
        self, act_id: str, *, repairs: bool, only: tuple[str, ...] = (), allows_mass: bool = False
    ) -> None:
        """Compare with what the channel shows, unless a comparison runs already."""
        self._run(self._compare(act_id, repairs=repairs, only=only, allows_mass=allows_mass), act_id)

    @property
    def is_comparing(self) -> bool:
        """Whether a comparison or a check runs."""
        return self._running is not None

    def _run(self, work: Coroutine[Any, Any, None], act_id: str) -> None:
        """Run one comparison or check at a time; whoever asks meanwhile is told so."""
        if self._running is None:
            self._running = asyncio.create_task(work)
            self._running.add_done_callback(self._ended)
            return
        work.close()
        now_ms = self._account.parts.now_ms()
        why = "another comparison runs: ask again when it has ended"
        self._account.report(ReportRow(act_id, now_ms, now_ms, 0, 0, 0, 0, 0, error=why))

    async def stop(self) -> None:
        """End what runs."""
        under_way = [task for task in (self._running, self._refusing) if task is not None]
        for task in under_way:
            task.cancel()
        if under_way:
            await asyncio.wait(under_way)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running = None
        if not task.cancelled() and (error := task.exception()) is not None:
            # A mistake in an adapter costs its comparison, not all accounts their worker.
            log.error("channel_comparison_failed", exc_info=error)

    async def _smoke(self, act: Act) -> None:
        account = self._account
        report = await smoke(
            Smoked(
                channel=account.parts.channel,
                board=account.board,
                listings=lambda: account.changes.listings,
                now_ms=account.parts.now_ms,
                is_sending=account.gate.mode == "on",
                stopped=lambda: account.gate.row.stopped_listings,
            ),
            act.act_id,
            act.listings[0] if act.listings else None,
        )
        if report.error and report.compared and account.gate.mode == "on":
            account.gate.change(mode="off", reason=f"smoke: {report.error}", by=act.by)
        account.report(report)
        account.sender.wake()

    async def _compare(self, act_id: str, *, repairs: bool, only: tuple[str, ...], allows_mass: bool) -> None:
        account = self._account
        # Where nothing may be sent nothing can be mended.
        may_mend = repairs and account.gate.mode == "on"
        report = await self._reconcile.run(act_id, repairs=may_mend, only=only, allows_mass=allows_mass)
        account.report(report)
        if report.is_mass_drift:
            account.gate.park(MASS_DRIFT, f"{report.differing_count} of {report.compared} listings differ")
        account.sender.wake()


def _without(parked: dict[str, str], *kinds: str) -> dict[str, str]:
    return {kind: why for kind, why in parked.items() if kind not in kinds}
