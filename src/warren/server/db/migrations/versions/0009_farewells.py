"""What ephemeral machines of locked networks leave for when they have gone."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the columns."""
    with op.batch_alter_table("members") as members:
        members.add_column(sa.Column("farewell", sa.LargeBinary()))
    with op.batch_alter_table("waiting_joins") as waiting:
        waiting.add_column(sa.Column("ephemeral", sa.Boolean(), nullable=False, server_default=sa.false()))


def downgrade() -> None:
    """Refused: an older program has to be given a backup that it wrote."""
    raise NotImplementedError
