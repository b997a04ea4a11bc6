"""What workers take, and what one of them does for all"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision: str = "0004"
down_revision: str | None = "0003"


def upgrade() -> None:
    op.add_column("beat", sa.Column("queues", sa.Text(), server_default="", nullable=False))
    op.add_column("beat", sa.Column("machine", sa.String(length=100), server_default="", nullable=False))
    op.create_index("ix_beat_machine", "beat", ["machine"])
    op.create_table(
        "duty",
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("due_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_duty")),
    )
