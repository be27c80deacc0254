"""DuckDB, shut in: it reads Parquet in one folder and Arrow tables it is handed, and nothing else."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import duckdb

from sealtrail.errors import BusyError, QueryError, UsageError

MEMORY_MEGABYTES: Final = 512
"""What all queries together may use; one that needs more is refused, not spilled to disk."""

MAX_THREADS: Final = 4  # for queries; the rest of the machine is for the writer


class Engine:
    """One in-memory database; each query takes a cursor, which is a connection of its own."""

    def __init__(self, folder: Path, *, memory_megabytes: int = MEMORY_MEGABYTES) -> None:
        self.folder = folder
        self._opening = threading.Lock()
        self._open: set[duckdb.DuckDBPyConnection] = set()
        self._database = duckdb.connect(":memory:")
        for statement in (
            f"SET memory_limit = '{int(memory_megabytes)}MB'",
            f"SET threads = {min(MAX_THREADS, os.cpu_count() or 1)}",
            "SET temp_directory = ''",
            "SET TimeZone = 'UTC'",
            "SET preserve_insertion_order = false",
            # Segments never change under a name that a manifest holds, so their footers may be kept.
            "SET parquet_metadata_cache = true",
            "SET autoinstall_known_extensions = false",
            "SET autoload_known_extensions = false",
            "SET allow_community_extensions = false",
            "SET allow_persistent_secrets = false",
            "SET python_enable_replacements = false",
        ):
            self._database.execute(statement)
        # A folder is a prefix here: without the slash its neighbours would be readable too.
        self._database.execute("SET allowed_directories = ?", [[f"{folder}/"]])
        self._database.execute("SET enable_external_access = false")
        self._database.execute("SET lock_configuration = true")

    @contextmanager
    def cursor(self, *, question: bool = True) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection for one thread. `question`: somebody waits for an answer, and can be told to give up.

        Raises QueryError for want of memory, UsageError for a broken file, BusyError when it is interrupted.
        """
        with self._opening:
            cursor = self._database.cursor()
            if question:
                self._open.add(cursor)
        try:
            yield cursor
        except duckdb.InterruptException:
            raise BusyError("busy.stopping", "the question was given up: the server stops") from None
        except duckdb.OutOfMemoryException:
            raise QueryError(
                "query.too-large",
                f"the query needs more than the {MEMORY_MEGABYTES} MB it may use",
                hint="Ask for a shorter time, fewer words anywhere, or a field with fewer values.",
            ) from None
        except (duckdb.IOException, duckdb.InvalidInputException, duckdb.SerializationException) as error:
            raise UsageError(
                "usage.format",
                f"a file of the index in {self.folder} cannot be read: {str(error)[:200]}",
                hint="`sealtrail rebuild` makes the index again from the ledger; nothing is lost.",
            ) from error
        finally:
            with self._opening:
                self._open.discard(cursor)
            cursor.close()

    def interrupt(self) -> None:
        """Give up every question that runs now: who asked is told BusyError (busy.stopping)."""
        with self._opening:
            for cursor in self._open:
                cursor.interrupt()

    def close(self) -> None:
        self._database.close()
