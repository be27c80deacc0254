"""Signing keys: what trails are signed with. API keys are `sealtrail key`."""

from __future__ import annotations

from pathlib import Path

import click

from sealtrail.cli import options
from sealtrail.cli.output import advise, print_json, print_table


@click.group()
def signer() -> None:
    """The keys that trails are signed with: list them, give a trail a new one, revoke one that was stolen.

    \b
    sealtrail signer rotate audit

    The keys of HTTP clients are another thing: `sealtrail key`.
    """


@signer.command("list")
@options.data
@options.output("table", "json")
def list_(data: Path, form: str) -> None:
    """Every public key of every trail, and the sizes of checkpoints it signs."""
    import msgspec

    from sealtrail.serve.signers import listed

    keys = listed(data)
    if form == "json":
        print_json(msgspec.to_builtins(keys))
        return
    rows = [[k.trail, k.first, "" if k.last is None else k.last, k.since, k.vkey] for k in keys]
    print_table(["trail", "from", "to", "since", "vkey"], rows, right=[1, 2])


@signer.command()
@click.argument("trails", metavar="[TRAIL]...", nargs=-1)
@click.option("--reason", default="", help="Why, for the record.")
@options.data
@options.output("table", "json")
def rotate(trails: tuple[str, ...], reason: str, data: Path, form: str) -> None:
    """Give trails new signing keys, also while a server has the folder open: all that are written, or TRAIL.

    \b
    sealtrail signer rotate audit --reason "yearly"

    The statement that names both keys becomes an entry of the trail, both keys sign the checkpoint over it,
    and the old private key is destroyed. Who holds the old public key can follow to the new one.
    """
    import msgspec

    from sealtrail.serve.acting import operator
    from sealtrail.serve.signers import rotate as hand_over

    done = hand_over(data, trails, operator(), reason)
    if form == "json":
        print_json(msgspec.to_builtins(done))
    else:
        print_table(["trail", "from", "vkey"], [[one.trail, one.size, one.new] for one in done], right=[1])
    advise("hand the new public keys out; who has the old ones can follow by trails/TRAIL/handovers")


@signer.command()
@click.argument("trail")
@click.option(
    "--since",
    required=True,
    metavar="TIME|SIZE",
    help="From when on it is not to be trusted: the last time, or size, at which it was surely yours.",
)
@click.option("--reason", default="", help="Why, for the record.")
@options.data
@options.output("table", "json")
def revoke(trail: str, since: str, reason: str, data: Path, form: str) -> None:
    """Say that the key TRAIL had before its present one was stolen. Hand the trail over first: `rotate`.

    \b
    sealtrail signer revoke audit --since 2026-11-24T08:00:00Z --reason "ticket 7" > revoked.txt

    It is recorded in the audit trail, which the new key signs, and printed as VKEY@SIZE for whoever
    verifies: `sealtrail verify --revoked revoked.txt`.
    """
    import msgspec

    from sealtrail.serve.acting import operator
    from sealtrail.serve.revoking import revoke as take_back

    done = take_back(data, trail, since, operator(), reason)
    if form == "json":
        print_json(msgspec.to_builtins(done))
    else:
        click.echo(done.revocation)
    when = f", as of {done.until}" if done.until else ""
    advise(f"what the old key signs above {done.size:,} entries of {trail}{when} does not count")


@signer.command()
@click.option("--remove", is_flag=True, help="Take the keys out of it: they lie in the clear again.")
@options.data
def protect(remove: bool, data: Path) -> None:
    """Put every private key under a passphrase. The server must be stopped.

    \b
    sealtrail signer protect

    The passphrase is read from the file that SEALTRAIL_SIGNER_PASSPHRASE_FILE or [ledger] passphrase-file
    names, or from a systemd credential, and so it is at every start. Keys made later are put under it too.
    """
    from sealtrail.serve.signers import protect as put_under

    changed = put_under(data, under=not remove)
    what = "in the clear" if remove else "under the passphrase"
    advise(f"{' and '.join(changed)}: now {what}" if changed else f"all keys are {what} already")


@signer.command()
@click.option(
    "--keys",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="Folder of the private keys, this process's alone. Keys that are missing are made.",
)
@click.option(
    "--listen",
    metavar="unix:/PATH",
    required=True,
    help="Socket; whoever may open it may ask for signatures.",
)
@click.option("--origin", default="", help="Name of the installation for new keys, as [ledger] origin.")
def serve(keys: Path, listen: str, origin: str) -> None:
    """Hold the signing keys for a collector that cannot read them. Ends with SIGTERM.

    \b
    sealtrail signer serve --keys /var/lib/sealtrail-signer --listen unix:/run/sealtrail/signer.sock

    The collector has [ledger] signer = "unix:/run/sealtrail/signer.sock". A checkpoint that contradicts what
    was signed before is refused: a smaller one, or another of the same size.
    """
    from sealtrail.serve.passphrases import Passphrases
    from sealtrail.serve.signing import SignerServer, address
    from sealtrail.serve.stopping import Stop
    from sealtrail.settings import LedgerSettings

    with Stop(last=True) as stop:
        holder = SignerServer(keys, address(listen), origin=origin, passphrase=Passphrases(LedgerSettings()))
        with holder:
            stop.then = holder.stop
            stop.starting = False
            advise("\n".join([f"signing at {listen} for", *holder.vkeys]))
            if not stop.asked:
                holder.serve()
