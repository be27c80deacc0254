"""Imports into a data folder: through the server that has it open, else as its writer for the moment."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from sealtrail.collect.history import Imported, Line, Progress, import_file
from sealtrail.collect.inbox import ask
from sealtrail.collect.stream import import_stream
from sealtrail.event import Receipt
from sealtrail.serve.folder import Folder
from sealtrail.serve.writing import Collector

Submit = Callable[[str, list[Line]], Receipt]


def import_files(
    data: Path,
    files: Sequence[Path],
    format_name: str,
    service: str,
    progress: Callable[[Path, Progress], None],
) -> Iterator[Imported]:
    """Import one file after the other; each result as it is done. Raises what `import_file` does.

    `-` is standard input, for the output of applications that record there.
    """
    folder = Folder(data)
    with _submitting(folder) as submit:
        for path in files:
            if str(path) == "-":
                yield import_stream(
                    sys.stdin.fileno(),
                    submit,
                    state=folder.state,
                    service=service,
                    progress=lambda at, path=path: progress(path, at),  # type: ignore[misc]
                )
                continue
            yield import_file(
                path,
                format_name,
                submit,
                state=folder.state,
                service=service,
                progress=lambda at, path=path: progress(path, at),  # type: ignore[misc]
            )


@contextmanager
def _submitting(folder: Folder) -> Iterator[Submit]:
    if folder.root.exists() and folder.writer() is not None:

        def through_server(source: str, lines: list[Line]) -> Receipt:
            said = ask(
                folder.inbox,
                {"act": "submit", "source": source, "lines": [line.decode() for line, _ in lines]},
            )
            return Receipt(said["accepted"], said["duplicates"], said["conflicts"], ())

        yield through_server
        return
    with Collector(folder, guard=False) as collector:
        yield collector.submit
        # The index is what people look at next: it should know what was imported.
        collector.settle(60.0)
