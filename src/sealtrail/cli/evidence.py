"""Evidence: has anybody changed a line, and how do others check that without us?"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sealtrail.cli import options
from sealtrail.cli.output import advise, counted, print_json, safe

if TYPE_CHECKING:
    from sealtrail.serve.source import Proving


def _print_verifier(ctx: click.Context, option: click.Parameter, value: bool) -> None:  # noqa: ARG001 - as click calls
    if value:
        from sealtrail.serve.evidence import standalone_verifier

        click.echo(standalone_verifier(), nl=False)
        ctx.exit()


@click.command()
@click.argument("path", type=click.Path(exists=True, path_type=Path), default=Path("sealtrail-data"))
@click.option(
    "--checkpoint",
    "checkpoints",
    multiple=True,
    type=click.Path(exists=True, path_type=Path),
    help="A checkpoint kept elsewhere, or a file or folder of them; may be repeated. Without one, the key's "
    "holder can rewrite.",
)
@click.option(
    "--key",
    "keys",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="A public key (.vkey) obtained elsewhere; may be repeated.",
)
@click.option(
    "--handovers",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The handovers of a trail: they lead from an old key that is given to the one that signed.",
)
@click.option(
    "--revoked",
    multiple=True,
    metavar="VKEY@SIZE|FILE",
    help="A stolen key, and up to which size it counts; VKEY@TIME with a data folder. May be repeated.",
)
@click.option(
    "--policy",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="C2SP tlog-policy: whom to trust.",
)
@click.option(
    "--entry",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The entry a .tlog-proof is about.",
)
@click.option(
    "--tsa",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Root certificate (PEM) of the authority that timestamped checkpoints; may be repeated.",
)
@click.option("--store", is_flag=True, help="Lay the index beside the ledger, row by row.")
@click.option(
    "--repair", is_flag=True, help="With --store: make the index again from the ledger where they differ."
)
@click.option(
    "--emitters",
    is_flag=True,
    help="List what the numbers of every emitter say: gaps, repetitions, late arrivals, silent sources.",
)
@click.option(
    "--spool",
    "spools",
    multiple=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="With --emitters: look there who lives; may be repeated. A running server's are known.",
)
@click.option(
    "--print-verifier",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_verifier,
    help="Print a verifier in one file, for any Python from 3.8 on and nothing else, and exit.",
)
@options.output("table", "json")
@click.pass_context
def verify(
    ctx: click.Context,
    path: Path,
    checkpoints: tuple[Path, ...],
    keys: tuple[Path, ...],
    handovers: tuple[Path, ...],
    revoked: tuple[str, ...],
    policy: Path | None,
    entry: Path | None,
    tsa: tuple[Path, ...],
    store: bool,
    repair: bool,
    emitters: bool,
    spools: tuple[Path, ...],
    form: str,
) -> None:
    """Check every entry of a data folder, a trail, an exported log or a proof against what was signed.

    \b
    sealtrail verify sealtrail-data
    sealtrail verify sealtrail-data --checkpoint kept-elsewhere/audit.checkpoint
    sealtrail verify sealtrail-data --store --emitters
    sealtrail verify --print-verifier > verify_sealtrail.py

    Exits with 0 when intact, 1 when tampered, or where the index
    (--store) or the numbers of emitters (--emitters) say otherwise, 2 when it could not be checked.
    """
    from sealtrail.serve.evidence import check

    if (spools and not emitters) or (repair and not store):
        raise click.UsageError("--spool belongs to --emitters, and --repair to --store.")
    report = check(path, checkpoints, keys, policy, entry, tsa, handovers=handovers, revoked=revoked)
    code = report.exit_code
    document, lines = report.document(), [*report.lines()]
    if store:
        from sealtrail.serve.comparing import compared

        # A ledger that was tampered with is no measure for anything.
        found = compared(path, repair=repair and report.verdict != "tampered")
        document["store"] = found
        lines += found.lines()
        code = code or (0 if found.is_settled else 1)
    if emitters:
        from sealtrail.serve.emitters import examine

        facts = examine(path, spools)
        document["emitters"] = facts
        lines += facts.lines()
        code = code or (0 if facts.is_whole else 1)
    if form == "json":
        print_json(document)
    else:
        for line in lines:
            click.echo(safe(line))
    ctx.exit(code)


@click.command()
@click.argument("place", metavar="TRAIL/INDEX|EVENT_ID|TRAIL")
@options.source
@click.option("--from", "begin", metavar="SIZE|CHECKPOINT", help="Prove that TRAIL begins with this.")
@click.option("--to", "end", metavar="SIZE|CHECKPOINT", help="With --from: up to there; else the latest.")
@click.option("-o", "--output", "target", type=click.Path(path_type=Path), help="File to write; else stdout.")
@click.option(
    "--with-entry", type=click.Path(path_type=Path), help="Also write the entry's exact bytes here."
)
def prove(
    place: str,
    source: Proving,
    begin: str | None,
    end: str | None,
    target: Path | None,
    with_entry: Path | None,
) -> None:
    """A proof that one entry is in its trail, or that a trail begins with what was kept: checked offline.

    \b
    sealtrail prove audit/17 -o 17.tlog-proof --with-entry 17.json
    sealtrail verify 17.tlog-proof --entry 17.json --key audit.vkey
    sealtrail prove audit --from kept-in-march -o march.consistency
    sealtrail verify march.consistency --checkpoint kept-in-march --key audit.vkey

    The first is a C2SP tlog-proof, for anybody's tools; the second what C2SP tlog-witness is sent.
    """
    if begin is not None or end is not None:
        if begin is None or with_entry is not None:
            raise click.UsageError(
                "--from SIZE|CHECKPOINT, with --to or without, is about a trail, not an entry."
            )
        _prove_consistency(source, place, begin, end, target)
        return
    proof = source.prove(place)
    if with_entry is not None:
        with_entry.write_bytes(proof.entry)
    if target is None:
        click.echo(proof.text, nl=False)
    else:
        target.write_text(proof.text)
        advise(f"{proof.address} is proved in {target}")


def _prove_consistency(source: Proving, trail: str, begin: str, end: str | None, target: Path | None) -> None:
    from sealtrail.serve.evidence import Begin, held

    since = Begin.of(begin)
    proof = held(source.consistency(trail, since.size, Begin.of(end).size if end else None), since)
    if target is None:
        click.echo(proof, nl=False)
    else:
        target.write_bytes(proof)
        advise(f"that {trail} begins with {counted(since.size, 'entry')} is proved in {target}")


@click.command()
@click.argument("query", required=False)
@options.source
@options.since
@options.until
@click.option("--trail", help="Export a whole trail; needs --tlog.")
@click.option(
    "--tlog",
    type=click.Path(path_type=Path),
    help="Folder for a C2SP tlog-tiles log; an earlier export goes on.",
)
@options.output("jsonl", "raw")
def export(
    query: str | None,
    source: Proving,
    since: str | None,
    until: str | None,
    trail: str | None,
    tlog: Path | None,
    form: str,
) -> None:
    """Take events out: matches of a query, oldest first, or a whole trail that other verifiers can walk.

    \b
    sealtrail export 'user.id:alice' --since 30d > alice.jsonl
    sealtrail export --trail audit --tlog audit-log/

    A trail that is exported into the same folder again goes on where it ended, and is refused where it no
    longer begins with what is there.

    An export is recorded in the audit trail by the server that has the folder open, or that --url names.
    """
    if (trail is None) != (tlog is None) or (trail is None) == (query is None):
        raise click.UsageError("Give a QUERY, or --trail and --tlog together.")
    if trail is not None and tlog is not None:
        advise(f"{source.export_trail(trail, tlog):,} entries of {trail} in {tlog}")
        return
    out = sys.stdout.buffer
    count = 0
    for line in source.export(query or "*", since or "", until or "", raw=form == "raw"):
        out.write(line + b"\n")
        count += 1
    out.flush()
    advise(counted(count, "event"))
