"""Opening the database, its transactions, and its upgrades."""

from __future__ import annotations

import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError as UrlError
from sqlalchemy.exc import DBAPIError, NoSuchModuleError, OperationalError

from lipwright.core.errors import StoreMismatch

HEAD: Final = "0003"
"""The newest migration; a test compares it with the folder."""
_BUSY_MS = 30_000


class Database:
    """One database, and its transactions.

    SQLite allows one writer at a time. Threads of this process queue for it here, in the order they came; other
    processes are waited for by SQLite itself.
    """

    def __init__(self, url: str) -> None:
        try:
            self.url: Final = sa.make_url(url)
            self.engine: Final = sa.create_engine(self.url, pool_size=20, max_overflow=20, pool_pre_ping=False)
        except (UrlError, NoSuchModuleError) as exc:
            raise StoreMismatch(f"its address is not understood ({exc})") from exc
        self.is_sqlite: Final = self.url.get_backend_name() == "sqlite"
        self._lock = threading.Lock()
        if self.is_sqlite:
            event.listen(self.engine, "connect", _prepare_sqlite)
            event.listen(self.engine, "begin", _begin_sqlite)

    @contextmanager
    def writing(self) -> Generator[sa.Connection]:
        """A transaction that may write: committed at the end, rolled back if anything is raised."""
        if not self.is_sqlite:
            with self.engine.begin() as connection:
                yield connection
            return
        with self._lock, self.engine.connect() as connection:
            connection = connection.execution_options(writes=True)
            with connection.begin():
                yield connection

    @contextmanager
    def reading(self) -> Generator[sa.Connection]:
        """A transaction that sees one state of the tables and changes nothing."""
        with self.engine.connect() as connection:
            yield connection

    def close(self) -> None:
        self.engine.dispose()


def open_database(url: str) -> Database:
    """Open it and bring its tables up to date. Raises StoreMismatch."""
    database = Database(url)
    try:
        upgrade(database)
    except BaseException:
        database.close()
        raise
    return database


def sqlite_url(folder: Path) -> str:
    """The address of the database in a data folder."""
    return sa.URL.create("sqlite", database=str(folder / "lipwright.db")).render_as_string(hide_password=False)


def upgrade(database: Database) -> None:
    """Run the migrations that are missing, all or none. Raises StoreMismatch."""
    try:
        with database.writing() as connection:
            found = _version(connection)
            if found == HEAD:
                return
            from alembic import command
            from alembic.util import CommandError

            config = alembic_config()
            config.attributes["connection"] = connection
            try:
                command.upgrade(config, "head")
            except CommandError as exc:
                raise StoreMismatch(
                    f"its tables are of version {found}, which this program does not know; use a newer one"
                ) from exc
    except OperationalError as exc:
        raise StoreMismatch(f"it does not open ({exc.orig})") from exc
    except DBAPIError as exc:
        raise StoreMismatch(f"it is not one of ours ({exc.orig})") from exc


def alembic_config() -> Any:
    """Alembic's configuration, without a file of its own."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    return config


def _version(connection: sa.Connection) -> str | None:
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()


def insert_once(connection: sa.Connection, table: sa.Table, values: Mapping[str, Any]) -> bool:
    """Insert, unless a unique value is there already; whether it was inserted."""
    kind = sqlite.insert if connection.dialect.name == "sqlite" else postgresql.insert
    done = connection.execute(kind(table).values(**values).on_conflict_do_nothing())
    return done.rowcount == 1


def now() -> datetime:
    """This moment."""
    return datetime.now(UTC)


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # transactions are begun by _begin_sqlite, not by Python's module
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout={_BUSY_MS}")
    # readers and a writer at once; NORMAL survives kill -9, and a power cut costs at most the last moments
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute("PRAGMA foreign_keys=ON")


def _begin_sqlite(connection: sa.Connection) -> None:
    # a transaction that reads first and writes later would fail when another one wrote in between
    is_writing = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if is_writing else "BEGIN")
