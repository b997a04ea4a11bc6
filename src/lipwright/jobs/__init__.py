"""Durable jobs: the narrow port to DBOS. Nothing outside this room knows that it is DBOS.

Queue      puts a job into the queue within the caller's transaction, and tells what became of it
Worker     takes jobs and runs them: `Work.prepare`, then `Work.render`, each begun again elsewhere if a worker dies;
           of a long video `render` tells how many parts there are: `Work.part` for each, by any worker, and `Work.join`

    "admit-N"  an account's jobs, N at a time              "render"  everyone's, by priority, while there is room;
    job: prepare ───────── enqueue, wait ────────────────> render    one more for each class of machines that render
"""

from lipwright.jobs.queue import Queue
from lipwright.jobs.worker import CPU, PREPARE, SILENT_S, HandedBack, Signs, Work, Worker

__all__ = ["CPU", "PREPARE", "SILENT_S", "HandedBack", "Queue", "Signs", "Work", "Worker"]
