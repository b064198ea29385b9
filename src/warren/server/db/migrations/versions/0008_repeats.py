"""Answers that are kept for requests which come twice."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "repeats",
        sa.Column("id", sa.LargeBinary(), nullable=False),
        sa.Column("person", sa.String(16), nullable=False),
        sa.Column("request", sa.LargeBinary(), nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("kept_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_repeats"),
    )
    op.create_index("ix_repeats_person_kept_at", "repeats", ["person", "kept_at"])
    op.create_index("ix_repeats_kept_at", "repeats", ["kept_at"])


def downgrade() -> None:
    """Refused: an older program has to be given a backup that it wrote."""
    raise NotImplementedError
