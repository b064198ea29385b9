"""Proofs of mail domains by DNS; networks whose admins approve each person."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "domain_claims",
        sa.Column("network", sa.LargeBinary(), nullable=False),
        sa.Column("domain", sa.String(253), nullable=False),
        sa.Column("user", sa.String(16), nullable=False),
        sa.Column("token", sa.String(64), nullable=False),
        sa.Column("claimed_at", sa.BigInteger(), nullable=False),
        sa.Column("seen_at", sa.BigInteger()),
        sa.PrimaryKeyConstraint("network", "domain", "user", name="pk_domain_claims"),
        sa.ForeignKeyConstraint(["network"], ["networks.id"], name="fk_domain_claims_network", ondelete="CASCADE"),
    )
    op.create_table(
        "approved_each",
        sa.Column("network", sa.LargeBinary(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("network", name="pk_approved_each"),
        sa.ForeignKeyConstraint(["network"], ["networks.id"], name="fk_approved_each_network", ondelete="CASCADE"),
    )


def downgrade() -> None:
    """Refused: an older program has to be given a backup that it wrote."""
    raise NotImplementedError
