"""How often a proof of a mail domain was looked for in vain since it was seen, and when last.

A proof from before was looked for in vain never: it begins to lapse at the next look that does not find it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the columns."""
    with op.batch_alter_table("domain_claims") as claims:
        claims.add_column(sa.Column("missed", sa.Integer(), nullable=False, server_default="0"))
        claims.add_column(sa.Column("missed_at", sa.BigInteger()))


def downgrade() -> None:
    """Refused: an older program has to be given a backup that it wrote."""
    raise NotImplementedError
