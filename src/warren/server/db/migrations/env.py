"""What alembic runs: uses the connection and transaction that `migrate.py` (or a developer's command) hands over.

Must not open connections of its own: the server's lock and transaction have to cover the whole upgrade.
"""

from alembic import context

from warren.server.db.metadata import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite alters a table by copying it
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
