"""Sessions of browsers, programs that ask to be approved, the first admin's link."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "sessions",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("user", sa.String(16), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_sessions"),
        sa.ForeignKeyConstraint(["user"], ["users.id"], name="fk_sessions_user", ondelete="CASCADE"),
    )
    op.create_index("ix_sessions_user", "sessions", ["user"])
    op.create_table(
        "device_requests",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("code", sa.String(16), nullable=False),
        sa.Column("hostname", sa.String(255), nullable=False),
        sa.Column("system", sa.String(255), nullable=False),
        sa.Column("address", sa.String(64), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("user", sa.String(16)),
        sa.Column("join_public", sa.LargeBinary()),
        sa.Column("wished", sa.String(63), nullable=False),
        sa.Column("network", sa.LargeBinary()),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_device_requests"),
        sa.UniqueConstraint("code", name="uq_device_requests_code"),
        sa.ForeignKeyConstraint(["user"], ["users.id"], name="fk_device_requests_user", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["network"], ["networks.id"], name="fk_device_requests_network", ondelete="CASCADE"),
    )
    op.create_table(
        "first_links",
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("number", name="pk_first_links"),
    )
    with op.batch_alter_table("join_keys") as keys:
        keys.add_column(sa.Column("user", sa.String(16)))


def downgrade() -> None:
    """Refused: an older program has to be given a backup that it wrote."""
    raise NotImplementedError
