"""`channels ...`: how the accounts of channels stand, and what operators ask of the workers that own them."""

import typer

from inventory_stream.cli import channels_acts, channels_check, channels_compare, channels_status

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    help=(
        "Watch and steer the accounts of marketplaces, shops and tills.\n\n"
        "Each account is owned by one `worker channels`. What you ask is written to Kafka, the owner does it "
        "within a second and keeps it across restarts; the answer is waited for here.\n\n"
        "A day with it: `status` says how all stand, and the way out of what does not. `pause` stops "
        "sending, `resume` goes on with today's quantities; `kill --zeros-first` takes everything off sale "
        "there. A new account: `check` the files, `shadow` it, `diff` it, `smoke` one listing, then `resume`."
    ),
)

app.command("status")(channels_status.status)
app.command("check")(channels_check.check)
app.command("pause")(channels_acts.pause)
app.command("resume")(channels_acts.resume)
app.command("shadow")(channels_acts.shadow)
app.command("kill")(channels_acts.kill)
app.command("approve")(channels_acts.approve)
app.command("refuse")(channels_acts.refuse)
app.command("replay")(channels_acts.replay)
app.command("diff")(channels_compare.diff)
app.command("reconcile")(channels_compare.reconcile)
app.command("smoke")(channels_compare.smoke)
app.command("unmapped")(channels_check.unmapped)
