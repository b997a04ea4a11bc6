"""The bytes of uploads and results, by key: put whole or not at all, read in ranges.

FolderBlobs   in a folder, of this machine or shared          BucketBlobs   in a bucket of S3, with signed links

Keys are ids that cannot be guessed.
"""

from lipwright.blobs.bucket import Bucket, BucketBlobs
from lipwright.blobs.folder import FolderBlobs
from lipwright.blobs.store import Blob, Blobs

__all__ = ["Blob", "Blobs", "Bucket", "BucketBlobs", "FolderBlobs"]
