"""Requests to addresses that strangers choose: their files, and their webhooks.

url ── check_url ──> host ── resolved once ──> addresses ── each public? ──> connect to that very address
 ^                                                                                     │
 └──────────────────────── a redirect begins again, all of it ─────────────────────────┘
"""

from lipwright.fetch.guard import check_url
from lipwright.fetch.network import Network
from lipwright.fetch.request import Downloaded, FetchLimits, Posted, download, post
from lipwright.fetch.sniff import Sniffed, sniff

__all__ = ["Downloaded", "FetchLimits", "Network", "Posted", "Sniffed", "check_url", "download", "post", "sniff"]
