"""A kind of channel for tests of the two files: it looks at ids and options, and can do nothing."""

from typing import Never

from inventory_stream.adapters.channels.spec import AdapterSpec, Needs
from inventory_stream.ports.integrations import Integration


def _check_listing(listing: str) -> str | None:
    return None if listing.count("/") == 1 else "has not two parts"


def _check_integration(entry: Integration) -> str | None:
    plan = (entry.options or {}).get("plan", "standard")
    return None if plan in {"standard", "plus"} else "plan: one of standard, plus"


def _cannot(needs: Needs) -> Never:
    raise NotImplementedError(needs.integration.name)


SPECS = {
    "parts": AdapterSpec(
        name="parts",
        listing_form="<item>/<place>",
        check_listing=_check_listing,
        check_integration=_check_integration,
        secrets=("token",),
        optional_secrets=("webhook",),
        options={"plan": "standard or plus"},
        new_channel=_cannot,
        new_listener=None,
        is_verified=False,
    )
}


def entry(name: str, channel: str = "web", account: str | None = None) -> Integration:
    """Give an integration of that kind."""
    return Integration(
        name=name,
        adapter="parts",
        channel=channel,
        account=account or name,
        owner="web team",
        escalation="on call",
        freshness_seconds=30.0,
        error_budget=0.01,
        mode="on",
    )
