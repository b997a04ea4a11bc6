"""Opening the database, its transactions, and its upgrades."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from time import sleep
from typing import Any, Final, TypeVar

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError as UrlError
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from lipwright.core.errors import DatabaseAway, DatabaseFull, StoreMismatch
from lipwright.store.line import Line, WouldWait

T = TypeVar("T")

HEAD: Final = "0007"
"""The newest migration; a test compares it with the folder."""
_BUSY_S: Final = 30
_JOBS_CONNECTIONS: Final = 20
_LOG_BYTES: Final = 8 << 20
"""Twice of what SQLite's log grows to before whoever commits writes it into the database."""
_AGAIN_S: Final = 0.5
_UPGRADE_LOCK: Final = 0x6C69_7077  # "lipw"
_IDLE_TRANSACTION_S: Final = 60
_AWAY: Final = frozenset({"5330", "57P0", "25P0"})
# a limit on the size of files, and a file system that finds out late, are errors of writing
_NO_ROOM: Final = frozenset({"SQLITE_FULL", "SQLITE_IOERR_WRITE", "SQLITE_IOERR_SHMSIZE"})
_POSTGRESQL_OPTIONS: Final[Mapping[str, Any]] = {
    # a connection that broke while it lay in the pool is replaced before it is used
    "pool_pre_ping": True,
    "pool_timeout": 20,
    "connect_args": {
        "application_name": "lipwright",
        "connect_timeout": 10,
        # a machine that vanished does not answer: found out in half a minute, not in hours
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 4,
        "tcp_user_timeout": 30_000,
    },
}


class _Hurry(threading.local):
    """Whether this thread may not wait."""

    is_on: bool = False


class Database:
    """One database, its connections, and its transactions.

    SQLite allows one writer at a time. Whoever writes in this process waits in a line for it (`line.py`); other
    processes are waited for by SQLite itself.

    PostgreSQL is given at most `max_connections` by a process, whoever in it asks (jobs/ shares them). They hold
    settings of their session: a pooler between must pool sessions, not transactions.
    """

    def __init__(self, url: str, max_connections: int = 40) -> None:
        self.url: Final = _parsed(url)
        self.is_sqlite: Final = self.url.get_backend_name() == "sqlite"
        line = Line(_BUSY_S)
        options = {"connect_args": {"factory": line.connect}} if self.is_sqlite else _POSTGRESQL_OPTIONS
        self.engine: Final = _engine(self.url, pool_size=max_connections, max_overflow=0, **options)
        self.jobs_engine: Final = (
            _engine(self.url, pool_size=_JOBS_CONNECTIONS, max_overflow=0, **options) if self.is_sqlite else self.engine
        )
        options = {"connect_args": {"factory": line.connect_at_once}, "max_overflow": -1}
        self._engine_at_once = _engine(self.url, **options) if self.is_sqlite else self.engine
        self._hurry = _Hurry()
        if self.is_sqlite:
            event.listen(self.engine, "connect", _prepare_sqlite)
            event.listen(self.engine, "begin", _begin_sqlite)
            event.listen(self.jobs_engine, "connect", _prepare_sqlite_for_jobs)
            event.listen(self._engine_at_once, "connect", _prepare_sqlite_at_once)
            event.listen(self._engine_at_once, "begin", _begin_sqlite)
        else:
            event.listen(self.engine, "do_connect", _connect_postgresql)
            event.listen(self.engine, "connect", _prepare_postgresql)

    @contextmanager
    def writing(self) -> Generator[sa.Connection]:
        """A transaction that may write: committed at the end, rolled back if anything is raised.

        Raises DatabaseFull, and DatabaseAway: when that comes at the very end, nobody knows whether it was committed.
        """
        if not self.is_sqlite:
            with _away(), self.engine.begin() as connection:
                yield connection
            return
        engine = self._engine_at_once if self._hurry.is_on else self.engine
        with _away(), _full(), engine.connect() as connection:
            connection = connection.execution_options(writes=True)
            with connection.begin():
                yield connection

    @contextmanager
    def at_once(self) -> Generator[None]:
        """Within this, in this thread, `writing` raises WouldWait where it would have to wait for another writer.

        Nothing has begun then. It does so always on PostgreSQL, where every statement waits for an answer, and on
        SQLite while its log is long: to shorten that waits for the disk, and is left to those who may wait.
        """
        if not self.is_sqlite or self._log_bytes() > _LOG_BYTES:
            raise WouldWait
        self._hurry.is_on = True
        try:
            yield
        finally:
            self._hurry.is_on = False

    @contextmanager
    def reading(self) -> Generator[sa.Connection]:
        """A transaction that changes nothing. Raises DatabaseAway."""
        with _away(), self.engine.connect() as connection:
            yield connection

    @contextmanager
    def lent(self) -> Generator[None]:
        """While others, such as DBOS, use its connections: what they raise while it is away becomes DatabaseAway."""
        with _away():
            yield

    def insist(self, act: Callable[[sa.Connection], T], *, until: Callable[[], bool], is_writing: bool = True) -> T:
        """Run `act` in a transaction, again and again while the database is away.

        It may have been committed already when it is run again. Raises DatabaseAway once `until` says so.
        """
        while True:
            try:
                with self.writing() if is_writing else self.reading() as connection:
                    return act(connection)
            except DatabaseAway:
                if until():
                    raise
                sleep(_AGAIN_S)

    def close(self) -> None:
        self.engine.dispose()
        self.jobs_engine.dispose()
        self._engine_at_once.dispose()

    def _log_bytes(self) -> int:
        try:
            return Path(f"{self.url.database}-wal").stat().st_size
        except FileNotFoundError:
            return 0


def _engine(url: sa.URL, **options: Any) -> sa.Engine:
    """One whose errors hold no values: they are logged, and values are texts, links and secrets of customers."""
    return sa.create_engine(url, hide_parameters=True, **options)


def open_database(url: str, max_connections: int = 40) -> Database:
    """Open it and bring its tables up to date; a file of SQLite is kept from other users. Raises StoreMismatch."""
    database = Database(url, max_connections)
    # a name that is SQLite's own kind of address is its to read
    file = Path(str(database.url.database)) if database.is_sqlite and "uri" not in database.url.query else None
    try:
        if file is not None:
            _make_for_owner(file)
        upgrade(database)
        if file is not None:
            _keep_from_others(file)
    except BaseException:
        database.close()
        raise
    return database


def _make_for_owner(path: Path) -> None:
    """Make the file, if it is not there; SQLite gives its log (`-wal`, `-shm`) the same mode."""
    with suppress(OSError):  # SQLite says why it cannot be made
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))


def _keep_from_others(path: Path) -> None:
    """Take from all others, but not from its group, what an earlier release gave them; where the file is ours."""
    for one in (path, *(path.with_name(f"{path.name}{end}") for end in ("-wal", "-shm"))):
        with suppress(OSError):  # it is not there, or its file system has no modes
            found = one.stat()
            if found.st_uid == os.geteuid() and found.st_mode & 0o007:
                one.chmod(stat.S_IMODE(found.st_mode) & ~0o007)


def sqlite_url(folder: Path) -> str:
    """The address of the database in a data folder."""
    return sa.URL.create("sqlite", database=str(folder / "lipwright.db")).render_as_string(hide_password=False)


def upgrade(database: Database) -> None:
    """Run the migrations that are missing, all or none. Raises StoreMismatch."""
    try:
        with database.writing() as connection:
            if not database.is_sqlite:
                # of several processes that start at once, one makes the tables
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_UPGRADE_LOCK)))
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
    except DatabaseAway as exc:
        raise StoreMismatch(f"it does not open ({exc.reason})") from exc
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
    # what the database shall reckon itself is written into the statement, the rest is only sent with it
    reckoned: dict[str, Any] = {name: one for name, one in values.items() if isinstance(one, sa.ColumnElement)}
    insert = _insert_once(table, connection.dialect.name)
    sent = {name: value for name, value in values.items() if name not in reckoned}
    return connection.execute(insert.values(**reckoned) if reckoned else insert, sent).first() is not None


@cache
def _insert_once(table: sa.Table, dialect: str) -> Any:
    kind = sqlite.insert if dialect == "sqlite" else postgresql.insert
    # a row that comes back, not a row count: the driver of PostgreSQL does not count inserted rows
    one: sa.ColumnElement[int] = sa.literal_column("1", sa.Integer)
    return kind(table).on_conflict_do_nothing().returning(one)


def now() -> datetime:
    """This moment, by the clock of this machine."""
    return datetime.now(UTC)


class _Clock(FunctionElement[int]):
    """The database's own clock, for what several machines compare: whole microseconds since 1970, as Moment keeps."""

    type = sa.BigInteger()
    inherit_cache = True


def clock(plus_s: float = 0.0) -> sa.ColumnElement[int]:
    """So many seconds after this moment, by the clock of the database."""
    return _Clock() + round(plus_s * 1e6)


@compiles(_Clock, "postgresql")
def _clock_of_postgresql(*_: Any, **__: Any) -> str:
    # not clock_timestamp(), which is asked for every row, and uses no index
    return "CAST(extract(epoch FROM statement_timestamp()) * 1000000 AS BIGINT)"


@compiles(_Clock, "sqlite")
def _clock_of_sqlite(*_: Any, **__: Any) -> str:
    return "CAST(round((julianday('now') - 2440587.5) * 86400000) AS INTEGER) * 1000"


@contextmanager
def _away() -> Generator[None]:
    """A connection that breaks or is not to be had, and a file that another process keeps locked, is DatabaseAway."""
    try:
        yield
    except PoolTimeout as exc:
        raise DatabaseAway("every connection of this process is in use") from exc
    except DBAPIError as exc:
        if _is_away(exc):
            raise DatabaseAway(str(exc.orig)) from exc
        raise


@contextmanager
def _full() -> Generator[None]:
    """SQLite that finds no room is DatabaseFull."""
    try:
        yield
    except OperationalError as exc:
        if getattr(exc.orig, "sqlite_errorname", "") in _NO_ROOM:
            raise DatabaseFull(str(exc.orig)) from exc
        raise


def _is_away(exc: DBAPIError) -> bool:
    if exc.connection_invalidated:
        return True
    # waited for as long as SQLite is told to: a paused process, a long VACUUM, somebody's shell
    if isinstance(exc.orig, sqlite3.Error) and exc.orig.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY:
        return True
    state = getattr(exc.orig, "sqlstate", "")
    # no state: there was no server to give one. 08 connection, 53 no resources, 57P0 shutting down or starting
    return isinstance(exc, OperationalError) and (state is None or str(state)[:4] in _AWAY or str(state)[:2] == "08")


def _parsed(address: str) -> sa.URL:
    """`postgres://` and `postgresql://` mean the driver that is installed. Raises StoreMismatch."""
    try:
        url = sa.make_url(address)
    except UrlError as exc:
        raise StoreMismatch(f"its address is not understood ({exc})") from exc
    except ValueError as exc:
        # its words could be a part of a password
        raise StoreMismatch("its address is not understood (the port is no number)") from exc
    if url.drivername in {"postgres", "postgresql"}:
        url = url.set(drivername="postgresql+psycopg")
    if url.drivername not in {"postgresql+psycopg", "sqlite", "sqlite+pysqlite"}:
        known = "sqlite:////PATH and postgresql://USER:PASSWORD@HOST/NAME are known"
        raise StoreMismatch(f"its address is not understood ({url.drivername}:// is none; {known})")
    if url.get_backend_name() == "sqlite" and url.database in {None, "", ":memory:"}:
        raise StoreMismatch("its address names no file, and what is in memory alone is no record of jobs")
    return url


def _connect_postgresql(dialect: Any, _record: Any, arguments: Any, options: Any) -> Any:
    """A server that is not to be reached, in the words by which DBOS knows that it shall wait and try again.

    The driver says "connection failed" of a port where nobody listens, but has other words for a name that is not
    known (that of a container that begins anew) and a socket that is gone: jobs were given up for them.
    """
    try:
        return dialect.connect(*arguments, **options)
    except dialect.loaded_dbapi.OperationalError as exc:
        if exc.sqlstate is not None or "connection failed" in str(exc):
            raise
        raise dialect.loaded_dbapi.OperationalError(f"connection failed: {exc}") from exc


def _prepare_postgresql(connection: Any, _record: Any) -> None:
    # a process that freezes within a transaction must not keep its locks for ever
    connection.execute(f"SET idle_in_transaction_session_timeout = '{_IDLE_TRANSACTION_S}s'")
    connection.commit()


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    # transactions are begun by _begin_sqlite, not by Python's module
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout={_BUSY_S * 1000}")
    # readers and a writer at once; NORMAL survives kill -9, and a power cut costs at most the last moments
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute(f"PRAGMA journal_size_limit={_LOG_BYTES}")
    connection.execute("PRAGMA foreign_keys=ON")


def _prepare_sqlite_for_jobs(connection: Any, record: Any) -> None:
    _prepare_sqlite(connection, record)
    # DBOS leaves it to Python's module to begin, at the first statement that writes
    connection.isolation_level = "IMMEDIATE"


def _prepare_sqlite_at_once(connection: Any, record: Any) -> None:
    _prepare_sqlite(connection, record)
    connection.execute("PRAGMA busy_timeout=0")
    connection.execute("PRAGMA wal_autocheckpoint=0")


def _begin_sqlite(connection: sa.Connection) -> None:
    # a transaction that reads first and writes later would fail when another one wrote in between
    is_writing = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if is_writing else "BEGIN")
