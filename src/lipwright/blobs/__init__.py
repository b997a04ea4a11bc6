"""The bytes of uploads and results, by key: put whole or not at all, read in ranges.

Keys are ids that cannot be guessed. `obstore` writes to a name of its own and renames: a reader never sees half a blob.
"""

from lipwright.blobs.store import Blob, Blobs

__all__ = ["Blob", "Blobs"]
