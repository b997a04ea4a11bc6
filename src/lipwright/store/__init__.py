"""Tables of the service, and what is done to them. Functions take a connection, so that callers make the transactions.

database.open_database(url) -> Database      SQLite by default, PostgreSQL by its address; upgrades the tables
accounts, ledger, media, jobs, outbox, beats one file for each table's verbs

Times are UTC, ids are text, money is whole micro-dollars. The ledger is only ever added to.
"""

from lipwright.store.database import Database, open_database

__all__ = ["Database", "open_database"]
