"""Sessions, sign-in links and share links of the page"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision: str = "0002"
down_revision: str | None = "0001"


def upgrade() -> None:
    op.create_table(
        "pass",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=10), nullable=False),
        sa.Column("account_id", sa.String(length=32), nullable=False),
        sa.Column("job_id", sa.String(length=32), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["account.id"], name=op.f("fk_pass_account_id")),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_pass")),
    )
    op.create_index("ix_pass_expires_at", "pass", ["expires_at"])
    op.create_index("ix_pass_job_id", "pass", ["job_id"])


def downgrade() -> None:
    op.drop_table("pass")
