"""Whether the server can do its work: can it read its database?

Decides how often that is asked, so that a stranger who asks /health in a loop costs one query a second.
"""

import time

from sqlalchemy import text

from warren.errors import WarrenError
from warren.server.db.engine import Database

KEPT_S = 1.0  # how long an answer is good for


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
            except WarrenError as error:
                self._trouble = error
            else:
                self._trouble = None
        return self._trouble
