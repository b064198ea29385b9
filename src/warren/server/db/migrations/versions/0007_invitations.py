"""People who are invited to a network or ask to be let in; networks that are listed."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "invitations",
        sa.Column("network", sa.LargeBinary(), nullable=False),
        sa.Column("user", sa.String(16), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("by", sa.String(255), nullable=False),
        sa.Column("text", sa.String(400), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("network", "user", name="pk_invitations"),
        sa.ForeignKeyConstraint(["network"], ["networks.id"], name="fk_invitations_network", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user"], ["users.id"], name="fk_invitations_user", ondelete="CASCADE"),
    )
    op.create_index("ix_invitations_user", "invitations", ["user"])
    op.create_table(
        "listings",
        sa.Column("network", sa.LargeBinary(), nullable=False),
        sa.Column("about", sa.String(400), nullable=False),
        sa.Column("listed_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("network", name="pk_listings"),
        sa.ForeignKeyConstraint(["network"], ["networks.id"], name="fk_listings_network", ondelete="CASCADE"),
    )


def downgrade() -> None:
    """Refused: an older program has to be given a backup that it wrote."""
    raise NotImplementedError
