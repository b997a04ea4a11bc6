"""A process that has loaded what a worker needs, and forks one for each line that it reads: `python nursery.py`.

A line is JSON: {"arguments", "environment", "log"}; the answer is the number of the process. Loading takes seconds of
CPU time: where workers are killed every two seconds, it would be all that they ever do.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
from importlib import import_module

import worker

LATER = ("alembic.command", "dbos", "psycopg", "lipwright.service.children")
"""What a worker imports when it starts to work."""


def main() -> None:
    for name in LATER:
        import_module(name)
    gc.freeze()
    # nobody waits for those that die: whoever killed them looks into /proc
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    for line in sys.stdin:
        asked = json.loads(line)
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            log = os.open(asked["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            for stream in (1, 2):
                os.dup2(log, stream)
            os.close(0)
            os.open(os.devnull, os.O_RDONLY)
            os.environ.update(asked["environment"])
            sys.argv[1:] = asked["arguments"]
            worker.main()
            os._exit(0)
        print(pid, flush=True)


if __name__ == "__main__":
    main()
