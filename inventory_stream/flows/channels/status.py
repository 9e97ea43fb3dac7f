"""How an account stands, for people and for programs: what the registry promises beside what is. Pure."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, Final, NamedTuple

import msgspec

from inventory_stream.flows.explain_words import utc
from inventory_stream.ports.integrations import Integration
from models.channels import (
    ACCOUNT,
    REPORT,
    STATUS,
    AccountRow,
    OutcomeRow,
    ReportRow,
    StatusRow,
    outcome_key,
)

SILENT_MS: Final = 15_000
"""A status older than this is of no worker that lives: it is written every 2 s, and a rebalance takes ten."""
RETIRES_SOON_DAYS: Final = 30
"""Days before an integration's end from which it is told."""

WAYS_OUT: Final[Mapping[str, str]] = {
    "auth": "mend the secret or the access at the channel; one that can be read is asked again by itself, at "
    "once and in any case by `channels resume {name}`",
    "revoked": "have the account's owner grant access again, put the new secret in place, then "
    "`channels resume {name}`",
    "expiring": "have the account's owner renew the access before it ends",
    "unsubscribed": "subscribe to the channel's webhooks again, then `channels resume {name}`; until then "
    "orders come in late or never",
    "mass_change": "if it is meant `channels approve {name}`; else mend the source, `channels refuse {name}`",
    "mass_drift": "look at `channels diff {name} --last`; if the ledger is right `channels approve {name}`",
    "zeros_first": "wait until every listing shows zero; `channels resume {name}` brings the quantities back",
}
"""By kind of parking."""
OTHER_WAY_OUT: Final = "read the reason, mend it, then `channels resume {name}`"


class Story(NamedTuple):
    """All that is known of one account. `status` None: no worker ever told.

    `letters`: its deliveries that wait among the dead letters, of orders that were not told or not mapped.
    """

    integration: Integration
    account: AccountRow
    status: StatusRow | None
    report: ReportRow | None
    now_ms: int
    letters: int = 0

    @property
    def is_silent(self) -> bool:
        """Whether no worker speaks for it now."""
        return self.status is None or self.now_ms - self.status.at_ms > SILENT_MS

    @property
    def mode(self) -> str:
        """What counts now."""
        return self.account.mode or self.integration.mode

    @property
    def parked(self) -> Mapping[str, str]:
        """Why it waits for somebody, by kind."""
        return self.account.parked

    @property
    def is_well(self) -> bool:
        """Whether nobody has to do anything."""
        status = self.status
        return (
            not self.is_silent
            and not self.parked
            and not self.letters
            and status is not None
            and status.sla == "met"
            and not status.dead
            and not status.unbacked
            and not status.mapping_wrong
        )


def keys_of(integration: Integration) -> frozenset[str]:
    """Name the rows that a story is made of."""
    return frozenset(
        outcome_key(integration.channel, integration.account, last) for last in (ACCOUNT, STATUS, REPORT)
    )


def letters_wait(letters: int, name: str) -> Iterator[str]:
    """Tell that deliveries wait among the dead letters."""
    yield f"  {letters:,} deliveries wait unread; what they sold is still in stock here"
    yield f"    way out: `channels unmapped {name}` says why; mend it, then `channels replay {name}`"


def story_of(
    integration: Integration, rows: Mapping[str, OutcomeRow], now_ms: int, letters: int = 0
) -> Story:
    """Put an account's rows beside its entry in the registry."""

    def row(last: str) -> OutcomeRow | None:
        return rows.get(outcome_key(integration.channel, integration.account, last))

    account, status, report = row(ACCOUNT), row(STATUS), row(REPORT)
    return Story(
        integration,
        account if isinstance(account, AccountRow) else AccountRow(),
        status if isinstance(status, StatusRow) else None,
        report if isinstance(report, ReportRow) else None,
        now_ms,
        letters,
    )


def lines(story: Story, today: date) -> Iterator[str]:
    """Tell it: the first line is the headline, the others say more, what has to be done last."""
    integration, status, now_ms = story.integration, story.status, story.now_ms
    yield _headline(story)
    if status is not None:
        yield from _numbers(status, now_ms)
    if story.report is not None:
        yield _reconciled(story.report, now_ms)
    yield f"  owner {integration.owner}; if it burns: {integration.escalation}"
    if integration.retires is not None:
        days = (integration.retires - today).days
        soon = "; prepare its end" if days <= RETIRES_SOON_DAYS else ""
        yield f"  retires {integration.retires} (in {days:,} days){soon}"
    account = story.account
    if account.by:
        why = f": {account.reason}" if account.reason else ""
        yield f"  last act by {account.by}, {_ago(account.at_ms, now_ms)}{why}"
    if account.stopped_listings:
        yield f"  {len(account.stopped_listings):,} listings stopped, e.g. {account.stopped_listings[0]}"
    for kind, why in story.parked.items():
        yield f"  PARKED {kind}: {why}"
        yield f"    way out: {WAYS_OUT.get(kind, OTHER_WAY_OUT).format(name=integration.name)}"
    if status is not None:
        yield from _troubles(status, integration.name)
    if story.letters:
        yield from letters_wait(story.letters, integration.name)
    if story.is_silent:
        yield "  NO WORKER owns this account: start `inventory-stream worker channels`"


def _troubles(status: StatusRow, name: str) -> Iterator[str]:
    if status.mapping_wrong:
        yield f"  MAPPING FILE wrong, the one before it is in use: {status.mapping_wrong}"
        yield "    way out: `channels check` names each line"
    if status.dead:
        yield f"  {status.dead:,} dead: `channels diff {name} --dead` lists them, then"
        yield f"    way out: mend what was refused, then `channels replay {name}`"
    if status.unbacked:
        yield f"  {status.unbacked:,} listings show units of SKUs that the ledger does not know"
        yield "    way out: mend their lines of the mapping, or have the SKUs counted in (0 is a count)"


def _headline(story: Story) -> str:
    integration, status = story.integration, story.status
    words = [
        integration.name,
        integration.adapter,
        f"{integration.channel}/{integration.account}",
        story.mode,
    ]
    if story.is_silent:
        words.append("NO WORKER")
    elif status is not None:
        words.append("PARKED" if story.parked else f"SLA {status.sla}")
        if status.breaker != "closed":
            words.append(f"breaker {status.breaker}")
    return "  ".join(words)


def _numbers(status: StatusRow, now_ms: int) -> Iterator[str]:
    yield (
        f"  waiting: {status.waiting_zeros:,} zeros, {status.waiting_cuts:,} cuts, "
        f"{status.waiting_raises:,} raises, {status.held_raises:,} held for orders, "
        f"{status.deferred:,} to be tried again; {status.in_flight:,} in flight; oldest "
        f"{status.oldest_waiting_ms / 1_000:.1f} s; exposure {status.exposure_units:,} units"
    )
    yield (
        f"  in step: {status.in_step:,} of {status.listings:,} listings; dead {status.dead:,}; "
        f"{status.unmapped_skus:,} SKUs of the ledger not mapped"
    )
    told = [f"{status.requests_per_second:.1f} requests/s of {status.allowed_per_second:.1f} allowed"]
    if status.push_ms_p95 is not None:
        told.append(f"95 % of changes there within {status.push_ms_p95:,} ms")
    if status.zero_ms_p99 is not None:
        told.append(f"99 % of zeros within {status.zero_ms_p99:,} ms")
    if status.last_acknowledged_ms:
        told.append(f"last taken {_ago(status.last_acknowledged_ms, now_ms)}")
    yield "  pace: " + ", ".join(told)
    if status.orders_through_ms:
        yield f"  orders in through {utc(status.orders_through_ms)}"
    if status.last_error:
        yield f"  last error {_ago(status.last_error_ms, now_ms)}: {status.last_error}"
    if status.schema_drift:
        yield f"  {status.schema_drift:,} times its answers did not fit their schema: see the worker's log"


def _reconciled(report: ReportRow, now_ms: int) -> str:
    mass = ", MASS DRIFT" if report.is_mass_drift else ""
    error = f"; {report.error}" if report.error else ""
    return (
        f"  compared {_ago(report.ended_ms, now_ms)}: {report.compared:,} listings, "
        f"{report.differing_count:,} differed, {report.repaired:,} mended{mass}{error}"
    )


def as_json(story: Story) -> dict[str, Any]:
    """Give all of it as JSON values; differing listings only by their number."""
    integration = story.integration
    report = None if story.report is None else msgspec.structs.replace(story.report, differing=())
    return {
        "name": integration.name,
        "adapter": integration.adapter,
        "channel": integration.channel,
        "account": integration.account,
        "mode": story.mode,
        "is_well": story.is_well,
        "is_silent": story.is_silent,
        "owner": integration.owner,
        "escalation": integration.escalation,
        "freshness_seconds": integration.freshness_seconds,
        "error_budget": integration.error_budget,
        "retires": None if integration.retires is None else integration.retires.isoformat(),
        "ways_out": {
            kind: WAYS_OUT.get(kind, OTHER_WAY_OUT).format(name=integration.name) for kind in story.parked
        },
        "letters": story.letters,
        "account_row": whole(story.account),
        "status": whole(story.status),
        "report": whole(report),
    }


def whole(row: OutcomeRow | None) -> dict[str, Any] | None:
    """Give every field, those too that a record leaves out because they have their default."""
    if row is None:
        return None
    return {name: msgspec.to_builtins(getattr(row, name)) for name in row.__struct_fields__}


def _ago(at_ms: int, now_ms: int) -> str:
    seconds = max(0, now_ms - at_ms) // 1_000
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size:,} {unit} ago"
    return f"{seconds} s ago"
