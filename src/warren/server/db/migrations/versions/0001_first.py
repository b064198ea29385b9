"""The first schema: networks, documents, pre-auth keys, members, audit."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make every table."""
    op.create_table(
        "networks",
        sa.Column("id", sa.LargeBinary(), nullable=False),
        sa.Column("name", sa.String(63), nullable=False),
        sa.Column("genesis", sa.LargeBinary(), nullable=False),
        sa.Column("root", sa.String(32), nullable=False),
        sa.Column("root_key", sa.LargeBinary(), nullable=False),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("next_offset", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_networks"),
        sa.UniqueConstraint("name", name="uq_networks_name"),
    )
    op.create_table(
        "documents",
        sa.Column("network", sa.LargeBinary(), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("subject", sa.LargeBinary(), nullable=False),
        sa.Column("raw", sa.LargeBinary(), nullable=False),
        sa.Column("stored_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("network", "kind", "subject", name="pk_documents"),
        sa.ForeignKeyConstraint(["network"], ["networks.id"], name="fk_documents_network", ondelete="CASCADE"),
    )
    op.create_table(
        "join_keys",
        sa.Column("id", sa.String(16), nullable=False),
        sa.Column("network", sa.LargeBinary(), nullable=False),
        sa.Column("public", sa.LargeBinary(), nullable=False),
        sa.Column("reusable", sa.Boolean(), nullable=False),
        sa.Column("ephemeral", sa.Boolean(), nullable=False),
        sa.Column("tags", sa.Text(), nullable=False),
        sa.Column("uses", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("used_at", sa.BigInteger()),
        sa.Column("revoked_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id", name="pk_join_keys"),
        sa.ForeignKeyConstraint(["network"], ["networks.id"], name="fk_join_keys_network", ondelete="CASCADE"),
    )
    op.create_index("ix_join_keys_network", "join_keys", ["network"])
    op.create_table(
        "members",
        sa.Column("network", sa.LargeBinary(), nullable=False),
        sa.Column("identity", sa.LargeBinary(), nullable=False),
        sa.Column("hostname", sa.String(63)),
        sa.Column("offset", sa.BigInteger()),
        sa.Column("user", sa.String(255), nullable=False),
        sa.Column("tags", sa.Text(), nullable=False),
        sa.Column("os", sa.String(255), nullable=False),
        sa.Column("ephemeral", sa.Boolean(), nullable=False),
        sa.Column("key_id", sa.String(16)),
        sa.Column("joined_at", sa.BigInteger(), nullable=False),
        sa.Column("last_seen", sa.BigInteger()),
        sa.Column("removed_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("network", "identity", name="pk_members"),
        sa.ForeignKeyConstraint(["network"], ["networks.id"], name="fk_members_network", ondelete="CASCADE"),
        sa.UniqueConstraint("network", "hostname", name="uq_members_network_hostname"),
        sa.UniqueConstraint("network", "offset", name="uq_members_network_offset"),
    )
    op.create_index("ix_members_key_id", "members", ["key_id"])
    op.create_table(
        "audit",
        sa.Column("number", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("actor", sa.String(255), nullable=False),
        sa.Column("action", sa.String(64), nullable=False),
        sa.Column("network", sa.LargeBinary()),
        sa.Column("subject", sa.String(255), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_audit"),
    )
    op.create_index("ix_audit_network_number", "audit", ["network", "number"])


def downgrade() -> None:
    """Refused: an older program has to be given a backup that it wrote."""
    raise NotImplementedError
