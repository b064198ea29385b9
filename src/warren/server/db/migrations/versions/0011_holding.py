"""By whose word people come by a proved domain, which domains stand by a proof alone, and who was put out of a network.

A proof from before counts for the provider of the account that gave it, as a new one does. A network whose claim to a
domain is older than its holding of it has it by that proof: a domain that a provider vouched for came with the network.
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make columns and table, and fill in what follows from the rows that are there."""
    with op.batch_alter_table("domain_claims") as claims:
        claims.add_column(sa.Column("issuer", sa.String(255), nullable=False, server_default=""))
    with op.batch_alter_table("domains") as domains:
        domains.add_column(sa.Column("by_proof", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.execute(
        "UPDATE domain_claims SET issuer = COALESCE((SELECT users.issuer FROM users WHERE"
        " users.id = domain_claims.\"user\" AND users.issuer <> 'local'), '')"
    )
    op.execute(
        "UPDATE domains SET by_proof = true WHERE EXISTS (SELECT 1 FROM domain_claims WHERE"
        " domain_claims.network = domains.network AND domain_claims.domain = domains.domain"
        " AND domain_claims.claimed_at <= domains.opened_at)"
    )
    op.create_table(
        "put_out",
        sa.Column("network", sa.LargeBinary(), nullable=False),
        sa.Column("user", sa.String(16), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("network", "user", name="pk_put_out"),
        sa.ForeignKeyConstraint(["network"], ["networks.id"], name="fk_put_out_network", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["user"], ["users.id"], name="fk_put_out_user", ondelete="CASCADE"),
    )
    op.create_index("ix_put_out_user", "put_out", ["user"])


def downgrade() -> None:
    """Refused: an older program has to be given a backup that it wrote."""
    raise NotImplementedError
