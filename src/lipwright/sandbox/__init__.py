"""Work that may go wrong, in a process of its own that can be killed.

    parent   call("module:function", {...}) ── request ──> stdin            child: a fresh interpreter,
             on_message(dict)          <── JSON lines ── a pipe of its own         limits set, environment scrubbed
             the result, or an error   <────────────────                           the function runs

What comes back is data: a child that was taken over by a hostile file can lie, and can run nothing here. `Spares` are
children that have loaded what they need and wait for their one request.
"""

from lipwright.sandbox.call import Limits, call, last_words, with_last_words
from lipwright.sandbox.spares import Spares

__all__ = ["Limits", "Spares", "call", "last_words", "with_last_words"]
