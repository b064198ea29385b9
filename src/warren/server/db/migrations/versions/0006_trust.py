"""Machines that wait for an admin's word; keys for so many machines."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "waiting_joins",
        sa.Column("network", sa.LargeBinary(), nullable=False),
        sa.Column("identity", sa.LargeBinary(), nullable=False),
        sa.Column("hostname", sa.String(63), nullable=False),
        sa.Column("user", sa.String(255), nullable=False),
        sa.Column("tags", sa.Text(), nullable=False),
        sa.Column("os", sa.String(255), nullable=False),
        sa.Column("key_id", sa.String(16), nullable=False),
        sa.Column("record", sa.LargeBinary(), nullable=False),
        sa.Column("asked_at", sa.BigInteger(), nullable=False),
        sa.Column("denied_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("network", "identity", name="pk_waiting_joins"),
        sa.ForeignKeyConstraint(["network"], ["networks.id"], name="fk_waiting_joins_network", ondelete="CASCADE"),
    )
    with op.batch_alter_table("join_keys") as keys:
        keys.add_column(sa.Column("uses_max", sa.BigInteger()))


def downgrade() -> None:
    """Refused: an older program has to be given a backup that it wrote."""
    raise NotImplementedError
