"""`python -m sealtrail`: the command, where the script is not on the path."""

from sealtrail.cli import run

run()
