"""Alerts: which there are, why each was raised, and what was made of it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
import msgspec

from sealtrail.cli import options
from sealtrail.cli.output import advise, counted, print_json, print_table, safe

if TYPE_CHECKING:
    from sealtrail.detect.explain import Reason
    from sealtrail.serve.alerting import Evidence, Why
    from sealtrail.serve.source import Triaging

LEVELS: Final = ("informational", "low", "medium", "high", "critical")
SHOWN: Final = 10  # events that `show` writes out for people; `-o json` has all


@click.group()
def alerts() -> None:
    """List alerts, see why each was raised, and say what was made of it.

    \b
    sealtrail alerts list --level high
    sealtrail alerts show 3f0f5a1e
    sealtrail alerts close 3f0f5a1e --reason "our own load test"
    """


_rules = click.option(
    "--rules",
    multiple=True,
    type=click.Path(exists=True, path_type=Path),
    help="Rules the server has beside the pack; may be repeated.",
)
_level = click.option("--level", type=click.Choice(LEVELS), default=None, help="Only of this level.")
_rule = click.option("--rule", default="", metavar="RULE", help="Only of this rule: its id or title.")
_ids = click.argument("ids", nargs=-1)
_all = click.option(
    "--all", "every", is_flag=True, help="All that are open, or acknowledged, and of --level and --rule."
)


@alerts.command("list")
@click.option(
    "--state",
    type=click.Choice(["active", "open", "acknowledged", "closed", "all"]),
    default="active",
    show_default=True,
    help="active is what is not closed.",
)
@_level
@_rule
@click.option("-n", "limit", type=click.IntRange(1, 10_000), default=100, show_default=True, help="At most.")
@options.source
@options.output("table", "json")
def list_(state: str, level: str | None, rule: str, limit: int, source: Triaging, form: str) -> None:
    """The newest alerts, newest first."""
    found = source.newest("" if state == "all" else state, level or "", rule, limit)
    if form == "json":
        print_json([msgspec.to_builtins(one) for one in found])
    else:
        rows = [[one.id[:8], one.time[:19] + "Z", one.level, one.state, one.message] for one in found]
        print_table(["id", "time", "level", "state", "alert"], rows)


@alerts.command()
@click.argument("identity", metavar="ID")
@_rules
@options.source
@options.output("text", "json")
def show(identity: str, rules: tuple[Path, ...], source: Triaging, form: str) -> None:
    """Why an alert was raised: the rule, which part of it matched what, the events, blocks and acts.

    The rule is asked again about the stored events. ID may be the beginning of one.
    """
    why = source.why(identity, rules)
    if form == "json":
        print_json(msgspec.to_builtins(why))
    else:
        click.echo("\n".join(safe(line) for line in _told(why)))


@alerts.command()
@_ids
@_all
@_level
@_rule
@click.option("--reason", default="", help="Recorded with the act.")
@options.source
@click.pass_context
def ack(
    ctx: click.Context,
    ids: tuple[str, ...],
    every: bool,
    level: str | None,
    rule: str,
    reason: str,
    source: Triaging,
) -> None:
    """Say that somebody looks at alerts. Exits with 1 when none of them was open.

    \b
    sealtrail alerts ack 3f0f5a1e 9b21c0de
    sealtrail alerts ack --all --level low
    """
    _act(ctx, "ack", _chosen(source, ids, every, "open", level, rule), reason, source)


@alerts.command()
@_ids
@_all
@_level
@_rule
@click.option("--reason", required=True, help="What it was. Recorded with the act.")
@options.source
@click.pass_context
def close(
    ctx: click.Context,
    ids: tuple[str, ...],
    every: bool,
    level: str | None,
    rule: str,
    reason: str,
    source: Triaging,
) -> None:
    """Say that alerts are dealt with, and how. Exits with 1 when all were closed already."""
    _act(ctx, "close", _chosen(source, ids, every, "active", level, rule), reason, source)


@alerts.command()
@click.argument("ids", nargs=-1, required=True)
@click.option("--reason", default="", help="Recorded with the act.")
@options.source
@click.pass_context
def reopen(ctx: click.Context, ids: tuple[str, ...], reason: str, source: Triaging) -> None:
    """Take back an acknowledgement or a close. Exits with 1 when all were open."""
    _act(ctx, "reopen", ids, reason, source)


def _chosen(
    source: Triaging, ids: tuple[str, ...], every: bool, state: str, level: str | None, rule: str
) -> Iterable[str]:
    from sealtrail.serve.alerting import MAX_TRIAGE

    if bool(ids) == every or (ids and (level or rule)):
        raise click.UsageError("Give ids, or --all; --level and --rule narrow --all.")
    if ids:
        return ids
    return [one.id for one in source.newest(state, level or "", rule, MAX_TRIAGE)]


def _act(ctx: click.Context, verb: str, ids: Iterable[str], reason: str, source: Triaging) -> None:
    wanted = list(ids)
    done = source.triage(verb, wanted, reason) if wanted else {"changed": [], "unchanged": []}
    said = {"ack": "acknowledged", "close": "closed", "reopen": "reopened"}[verb]
    left = f"; {counted(len(done['unchanged']), 'alert')} stayed as before" if done["unchanged"] else ""
    advise(f"{counted(len(done['changed']), 'alert')} {said}{left}")
    ctx.exit(0 if done["changed"] else 1)


# --- words


def _told(why: Why) -> Iterable[str]:
    known = why.alert
    notes = [name for name, is_so in (("found late", known.late), ("from history", known.history)) if is_so]
    yield f"{known.message}"
    yield f"  id       {known.id}"
    yield f"  state    {known.state}"
    yield f"  level    {known.level}{', ' + ', '.join(notes) if notes else ''}"
    yield f"  time     {why.event.get('sealtrail.alert.rise', known.time)} to {known.time}"
    yield f"  event    {known.address}"
    if why.rule is None:
        yield f"  rule     {known.rule} is not loaded here: name its folder with --rules"
    else:
        yield f"  rule     {why.rule['title']} ({known.rule})"
        yield from (f"           {line}" for line in why.rule["description"].splitlines())
    if why.counted:
        yield f"  counted  {known.count}; it takes {why.counted}"
    for block in known.blocks:
        how = f"refused: {block.refused}" if block.refused else f"until {block.until}"
        more = ", simulated" if block.simulated else ""
        yield f"  block    {block.address} {how}{more}{', ended ' + block.ended if block.ended else ''}"
    for done in known.acts:
        verb = done.action.rpartition(".")[2]
        yield f"  {verb:<8} {done.time} by {done.by}{': ' + done.reason if done.reason else ''}"
    yield ""
    yield f"{counted(len(why.events), 'event')} behind it, the newest last:"
    left = len(why.events) - SHOWN
    if left > 0:
        yield f"  {counted(left, 'earlier event')}: see -o json"
    for evidence in why.events[-SHOWN:]:
        yield from _evidence(evidence)


def _evidence(evidence: Evidence) -> Iterable[str]:
    fields = evidence.fields
    words = [fields.get("@timestamp"), fields.get("event.action"), fields.get("client.ip")]
    words += [fields.get("user.id"), fields.get("http.request.method"), fields.get("url.original")]
    yield f"  {evidence.address}  {' '.join(str(word) for word in words if word)}"
    if evidence.gone:
        yield f"    {evidence.gone}"
    elif not evidence.rule:
        yield "    does not match the rule as it is now"
    for reason in evidence.reasons:
        yield f"    {_reason(reason)}"


def _reason(reason: Reason) -> str:
    said = f"{'' if reason.holds else 'not: '}{reason.field} {reason.condition}"
    if reason.holds and reason.values and not reason.condition.startswith("is `"):
        said += f": {', '.join(reason.values)}"
    return said
