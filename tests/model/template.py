"""A migrated, empty database to begin each run with: alembic takes longer than a whole run."""

import asyncio
import functools
import tempfile
from pathlib import Path

from warren.server.db.engine import Database, sqlite_url
from warren.server.db.migrate import migrate
from warren.server.files import Folder


@functools.cache
def _template() -> bytes:
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "warren.db"
        asyncio.run(_migrate(path))
        return path.read_bytes()


async def _migrate(path: Path) -> None:
    database = Database(sqlite_url(path))
    await migrate(database)
    await database.close()


def server_folder(root: Path) -> Path:
    """Fill an empty folder as a server's data folder of the newest schema."""
    folder = Folder(root)
    folder.prepare()
    folder.database.write_bytes(_template())
    return root
