"""Judges the consumer groups: who is in them, and is every partition somebody's?"""

from collections.abc import Collection

from inventory_stream.flows.doctor import Check, Level, counted
from inventory_stream.ports.servers import Group


def judge_group(
    group: Group, topics: Collection[str], partitions: int, worker: str, *, has_work: bool
) -> list[Check]:
    """Say whether all its members are one application and have every partition between them.

    Args:
        group: Who is in it.
        topics: What its members read.
        partitions: Of each topic.
        worker: The command that is a member.
        has_work: The ledger holds rows or input waits. Without, nobody has begun here yet.
    """
    subject = f"group {group.name}"
    if not group.members:
        way_out = f"start it: inventory-stream {worker}"
        if not has_work:
            return [
                Check(
                    Level.WARN,
                    subject,
                    f"no members ({group.state}), and nothing to read yet",
                    "what comes will wait",
                    way_out,
                )
            ]
        return [
            Check(
                Level.FAIL,
                subject,
                f"no members ({group.state}), where the ledger holds rows or input waits",
                "nothing is dealt with: what comes waits, and what is shown grows old",
                way_out,
            )
        ]
    strangers = [one for one in group.members if one.subscribed != frozenset(topics)]
    if strangers:
        names = ", ".join(f"{one.client_id} at {one.host} ({_names(one.subscribed)})" for one in strangers)
        return [
            Check(
                Level.FAIL,
                subject,
                f"members that read something else than {_names(topics)}: {names}",
                "two applications with one group id take each other's partitions away",
                "give the other application an id of its own, or this environment another kafka.topic_prefix",
            )
        ]
    said = f"{counted(len(group.members), 'member')}, {group.state}"
    if group.state != "Stable":
        return [
            Check(
                Level.WARN,
                subject,
                said,
                "partitions are being dealt out anew, and rest meanwhile",
                "look again in a few seconds; if it stays so, a member comes and goes: see the workers' logs",
            )
        ]
    had = {place for one in group.members for place in one.partitions}
    missing = sorted({(topic, number) for topic in topics for number in range(partitions)} - had)
    if missing:
        places = ", ".join(f"{topic}[{number}]" for topic, number in missing[:10])
        return [
            Check(
                Level.FAIL,
                subject,
                f"{said}; {counted(len(missing), 'partition')} without an owner: {places}",
                "what comes there is not dealt with",
                "restart the group's workers one by one",
            )
        ]
    idle = sum(1 for one in group.members if not one.partitions)
    more = f"; {idle} of them have none (more members than partitions)" if idle else ""
    return [Check(Level.OK, subject, f"{said}, every partition has its owner{more}")]


def _names(topics: Collection[str]) -> str:
    return ", ".join(sorted(topics))
