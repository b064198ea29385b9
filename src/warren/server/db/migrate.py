"""Brings the database to the schema of this program, or refuses before it touches anything.

Decides from the stored revision: current (one query, alembic not even imported), older (upgrade in one transaction, so
that a server killed half-way finds the old schema again), newer or unknown (refused: this program would damage what it
does not know). Must not know any table but alembic's own.
"""

from pathlib import Path

from sqlalchemy import inspect, text
from sqlalchemy.engine import Connection

from warren.errors import Code, WarrenError
from warren.server.db.engine import Database

HEAD = "0012"
"""The revision that this program works with; a test compares it with the migrations' own head."""

KNOWN = frozenset({"0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008", "0009", "0010", "0011", "0012"})
"""Revisions that this program can start from."""

SCRIPTS = Path(__file__).parent / "migrations"


async def migrate(database: Database) -> None:
    """Upgrade to HEAD where needed. Raises WarrenError DOWNGRADE or STORE_UNAVAILABLE."""
    async with database.read() as connection:
        revision = await connection.run_sync(_revision)
    if revision == HEAD:
        return
    if revision is not None and revision not in KNOWN:
        raise WarrenError(
            Code.DOWNGRADE,
            f"the database was written by a newer warren (revision {revision!r}, this one knows {HEAD!r})",
            "start the newer program, or restore a backup of this one's",
        )
    async with database.write() as connection:
        await connection.run_sync(_upgrade)


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    row = connection.execute(text("SELECT version_num FROM alembic_version")).first()
    return None if row is None else str(row[0])


def _upgrade(connection: Connection) -> None:
    from alembic import command  # noqa: PLC0415  # 0.3 s of imports that only a first or upgraded start pays
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
