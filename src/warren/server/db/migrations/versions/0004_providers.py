"""People of OpenID Connect providers: their groups, who is at a provider just then, the networks of mail domains."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables; who is there has no groups."""
    with op.batch_alter_table("users") as users:
        users.add_column(sa.Column("groups", sa.Text(), nullable=False, server_default="[]"))
    op.create_table(
        "sign_on_flows",
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("provider", sa.String(32), nullable=False),
        sa.Column("afterwards", sa.String(64), nullable=False),
        sa.Column("address", sa.String(64), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_sign_on_flows"),
    )
    op.create_table(
        "domains",
        sa.Column("domain", sa.String(253), nullable=False),
        sa.Column("network", sa.LargeBinary(), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("domain", name="pk_domains"),
        sa.ForeignKeyConstraint(["network"], ["networks.id"], name="fk_domains_network", ondelete="CASCADE"),
    )


def downgrade() -> None:
    """Refused: an older program has to be given a backup that it wrote."""
    raise NotImplementedError
