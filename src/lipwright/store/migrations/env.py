"""Run by Alembic: on the connection it was given, inside that connection's transaction."""

from __future__ import annotations

from alembic import context

from lipwright.store.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True)
context.run_migrations()
