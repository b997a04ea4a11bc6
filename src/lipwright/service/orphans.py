"""Blobs that nothing refers to, and how a worker knows that it is the one to judge that.

To a database that is not theirs, all blobs of a store are orphans: a new one after a typo in its address, a second
service with the same bucket. So database and store carry the same mark, and where they do not agree nothing is removed.

    database    store             whose is it
    a           a                 ours
    a           b                 another database's
    any         none, and empty   ours from now on
    any         none              ours from now on if the database knows most of its blobs: an older release left them
    none        b                 the same: the database was copied from an older release's

To the one whose store it is, in turn, all that another service brings are orphans. So a service does not start on a
store that is another database's (`check`).
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import structlog

from lipwright.blobs import Blobs
from lipwright.core.errors import OutputNotWritable, StoreMismatch
from lipwright.store import Database, accounts, media, meta
from lipwright.store.database import now

log = structlog.get_logger(__name__)

_TO_DO: Final = "give each database a prefix or a folder of its own: docs/how-to/many-machines.md, A bucket"
_N_SAMPLE: Final = 1000
"""So many blobs tell at a start whose the store is: listing a large bucket takes minutes, and keys come at random."""


def check(database: Database, blobs: Blobs, *, is_shared: bool) -> None:
    """Refuse a store that is another database's: what is brought here, that one's workers would remove.

    A store that is not shared may be the one of a database that was thrown away: there only a mark of our own tells.
    Raises StoreMismatch, DatabaseAway, StoreAway.
    """
    theirs = blobs.mark()
    if theirs is None:
        return
    # after the store was asked: who marks it has marked the database before
    with database.reading() as connection:
        mine = meta.store_id(connection)
    if mine is None:
        is_others = is_shared and not _knows_most(database, blobs, if_empty=False, at_most=_N_SAMPLE)
    else:
        is_others = mine != theirs
    if is_others:
        raise StoreMismatch(f"the store {blobs.name} belongs to another database; {_TO_DO}")


def is_ours(database: Database, blobs: Blobs) -> bool:
    """Whether the store holds the media of this database and no other's; one that is nobody's is marked as ours.

    Raises DatabaseAway, StoreAway.
    """
    with database.reading() as connection:
        mine = meta.store_id(connection)
    theirs = blobs.mark()
    if theirs != mine or mine is None:
        is_nobodys = mine is None or theirs is None
        if not (is_nobodys and _knows_most(database, blobs, if_empty=theirs is None)):
            log.error("the store belongs to another database: no orphans are removed", store=blobs.name, to_do=_TO_DO)
            return False
        with database.writing() as connection:
            mine = meta.keep_store_id(connection, theirs or accounts.new_id())
        if theirs is None:
            try:
                blobs.set_mark(mine)
            except OutputNotWritable as exc:
                # a full disk: what has expired is removed all the same, and makes room for it
                log.warning("the store takes no mark: no orphans are removed", store=blobs.name, why=str(exc))
                return False
        # of databases that mark an empty store in the same moment, the last one has it
        theirs = blobs.mark()
    return theirs == mine


def remove(database: Database, blobs: Blobs, young: timedelta) -> int:
    """Delete blobs without a row that are older than `young`; how many. Only for a store that is ours."""
    n = 0
    for page in blobs.pages():
        old = {one.key for one in page if one.modified_at < now() - young}
        with database.reading() as connection:
            orphans = old - media.known(connection, old)
        blobs.delete(orphans)
        n += len(orphans)
    return n


def _knows_most(database: Database, blobs: Blobs, *, if_empty: bool, at_most: int | None = None) -> bool:
    """Not just one: that is soon so of a service beside the one to which all the others belong."""
    n, n_known = 0, 0
    for page in blobs.pages():
        keys = {one.key for one in page}
        with database.reading() as connection:
            n_known += len(media.known(connection, keys) & keys)
        n += len(keys)
        if at_most is not None and n >= at_most:
            break
    return if_empty if n == 0 else 2 * n_known >= n
