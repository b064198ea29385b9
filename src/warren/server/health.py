"""Whether the server can do its work: can it read its database, and write to it?

Decides how often that is asked, so that a stranger who asks /health in a loop costs one query a second and one small
write in WRITTEN_S; while writes fail each look tries one, so that health is green as soon as they do not.
"""

import time

from sqlalchemy import text

from warren.errors import WarrenError
from warren.server.db.engine import Database

KEPT_S = 1.0  # how long an answer is good for
WRITTEN_S = 10.0  # how long a write that ended well says that the next one will


class Health:
    """Asked by /health."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._asked_at = float("-inf")
        self._trouble: WarrenError | None = None

    async def trouble(self) -> WarrenError | None:
        """What is wrong, None where nothing is."""
        now = time.monotonic()
        if now - self._asked_at > KEPT_S:
            self._asked_at = now
            try:
                async with self._database.read() as connection:
                    await connection.execute(text("SELECT 1"))
                if now - self._database.wrote_at > WRITTEN_S:
                    await self._write()
            except WarrenError as error:
                self._trouble = error
            else:
                self._trouble = None
        return self._trouble

    async def _write(self) -> None:
        """Change nothing, durably: what a full or read-only disk refuses."""
        async with self._database.write() as connection:
            await connection.execute(text("UPDATE alembic_version SET version_num = version_num"))
