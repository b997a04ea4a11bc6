"""Whether media have sound"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision: str = "0006"
down_revision: str | None = "0005"


def upgrade() -> None:
    op.add_column("media", sa.Column("has_sound", sa.Boolean(), nullable=True))


def downgrade() -> None:
    op.drop_column("media", "has_sound")
