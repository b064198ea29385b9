"""The database's promises."""

import asyncio
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.engine import Connection
from tests.server.conftest import DATABASES
from tests.server.postgresql import PostgreSQL

import warren.server.accounts.store
import warren.server.audit.store
import warren.server.devices.store
import warren.server.factors.store
import warren.server.invitations.store
import warren.server.invites.store
import warren.server.networks.store
import warren.server.providers.store
import warren.server.repeats.store
import warren.server.signon.store  # noqa: F401  # each adds its tables
from warren.errors import Code, WarrenError
from warren.limits import DATABASE_CONNECTIONS_MAX
from warren.server.db.engine import Database, database_url, sqlite_url
from warren.server.db.metadata import metadata
from warren.server.db.migrate import HEAD, KNOWN, SCRIPTS, migrate

DOMAINS_BEFORE = """
INSERT INTO users (id, issuer, subject, name, is_admin, created_at) VALUES
('anna', 'https://idp.example', 'anna', 'anna', false, 1), ('boss', 'local', 'boss', 'boss', false, 1);
INSERT INTO networks (id, name, genesis, root, root_key, sequence, next_offset, created_at) VALUES
(:id, 'lab', :id, 'server', :id, 1, 0, 1);
INSERT INTO domains (domain, network, opened_at) VALUES ('proved.example', :id, 5), ('vouched.example', :id, 5);
INSERT INTO domain_claims (network, domain, "user", token, claimed_at) VALUES
(:id, 'proved.example', 'anna', 't', 4), (:id, 'vouched.example', 'anna', 't', 6),
(:id, 'vouched.example', 'boss', 't', 7), (:id, 'proved.example', '', 't', 8)
"""


def test_the_revision_in_the_code_is_the_migrations_head() -> None:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    scripts = ScriptDirectory.from_config(config)
    assert scripts.get_heads() == [HEAD]
    assert {script.revision for script in scripts.walk_revisions()} == KNOWN


async def test_the_migrations_make_the_schema_that_the_code_uses(tmp_path: Path) -> None:
    database = Database(sqlite_url(tmp_path / "x.db"))
    await migrate(database)
    async with database.read() as connection:
        differences = await connection.run_sync(
            lambda sync: compare_metadata(MigrationContext.configure(sync), metadata)
        )
        modes = [
            (await connection.execute(text(f"PRAGMA {name}"))).scalar() for name in ("journal_mode", "synchronous")
        ]
    assert differences == []
    assert modes == ["wal", 2]
    await database.close()


async def test_on_postgresql_the_migrations_make_the_same_schema(postgresql: PostgreSQL, tmp_path: Path) -> None:
    database = Database(database_url(postgresql.database(), tmp_path / "none"))
    await migrate(database)
    async with database.read() as connection:
        differences = await connection.run_sync(
            lambda sync: compare_metadata(MigrationContext.configure(sync), metadata)
        )
    assert differences == []
    await database.close()


async def test_a_second_server_on_one_postgresql_database_is_refused(postgresql: PostgreSQL, tmp_path: Path) -> None:
    url = database_url(postgresql.database(), tmp_path / "none")
    first, second = Database(url), Database(url)
    async with first.alone():
        with pytest.raises(WarrenError) as caught:
            async with second.alone():
                pass
    assert caught.value.code is Code.ALREADY_RUNNING
    async with second.alone():
        pass
    await first.close()
    await second.close()


@pytest.mark.parametrize(
    "given", ["mysql://a:s3cret@b/c", "s3cret", "file:/nonexistent", "postgresql://a:s3cret@[::/c"]
)
def test_a_database_url_that_cannot_be_is_refused_without_showing_its_password(given: str, tmp_path: Path) -> None:
    with pytest.raises(WarrenError) as caught:
        database_url(given, tmp_path / "x.db")
    assert caught.value.code is Code.INVALID_CONFIG
    assert "s3cret" not in str(caught.value)


def test_a_database_url_may_stand_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("postgres://warren:pw@db.example/warren\n")
    url = database_url(f"file:{tmp_path / 'url'}", tmp_path / "x.db")
    assert (url.drivername, url.host, url.database) == ("postgresql+asyncpg", "db.example", "warren")


@pytest.mark.parametrize("kind", DATABASES)
async def test_what_is_known_of_domains_from_before_is_filled_in(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """A proof counts for the provider of the account that gave it; what was claimed before it was held is proved."""
    given = request.getfixturevalue("postgresql").database() if kind == "postgresql" else ""
    database = Database(database_url(given, tmp_path / "x.db"))

    def upgrade(connection: Connection, to: str) -> None:
        config = Config()
        config.set_main_option("script_location", str(SCRIPTS))
        config.attributes["connection"] = connection
        command.upgrade(config, to)

    async with database.write() as connection:
        await connection.run_sync(upgrade, "0010")
        for statement in DOMAINS_BEFORE.split(";"):
            await connection.execute(text(statement), {"id": b"n" * 32} if ":id" in statement else {})
    await migrate(database)
    async with database.read() as connection:
        held = await connection.execute(text("SELECT domain, by_proof FROM domains ORDER BY domain"))
        assert [(row[0], bool(row[1])) for row in held] == [("proved.example", True), ("vouched.example", False)]
        bound = await connection.execute(text("SELECT issuer FROM domain_claims ORDER BY claimed_at"))
        assert [row[0] for row in bound] == ["https://idp.example", "https://idp.example", "", ""]
        looks = await connection.execute(text("SELECT missed, missed_at FROM domain_claims"))
        assert [tuple(row) for row in looks] == [(0, None)] * 4, "nobody looked in vain before this was counted"
    await database.close()


async def test_an_upgrade_that_fails_half_way_leaves_the_old_schema(tmp_path: Path) -> None:
    database = Database(sqlite_url(tmp_path / "x.db"))

    async def half() -> None:
        async with database.write() as connection:
            await connection.execute(text("CREATE TABLE half (x INTEGER)"))
            raise RuntimeError("power cut")

    with pytest.raises(RuntimeError, match="power cut"):
        await half()
    async with database.read() as connection:
        assert (await connection.execute(text("SELECT count(*) FROM sqlite_master"))).scalar() == 0
    await migrate(database)
    await database.close()


async def test_a_damaged_file_is_called_damaged_and_not_away(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_bytes(b"no database at all, though long enough to look at " * 40)
    database = Database(sqlite_url(tmp_path / "x.db"))
    with pytest.raises(WarrenError) as caught:
        await migrate(database)
    assert caught.value.code is Code.STATE_DAMAGED
    await database.close()


async def test_a_request_that_is_cancelled_leaves_no_half_done_change_and_no_held_connection(tmp_path: Path) -> None:
    database = Database(sqlite_url(tmp_path / "x.db"))
    async with database.write() as connection:
        await connection.execute(text("CREATE TABLE kept (x INTEGER)"))
    written = asyncio.Event()

    async def hang() -> None:
        async with database.write() as connection:
            await connection.execute(text("INSERT INTO kept VALUES (1)"))
            written.set()
            await asyncio.Event().wait()

    for _ in range(DATABASE_CONNECTIONS_MAX * 2):  # more than there are: one that stays held would be missed
        written.clear()
        request = asyncio.create_task(hang())
        await written.wait()
        request.cancel()
        with pytest.raises(asyncio.CancelledError):
            await request
    async with asyncio.timeout(60), database.write() as connection:
        assert (await connection.execute(text("SELECT count(*) FROM kept"))).scalar() == 0
    await database.close()
