"""A root key that is the owner's by now, or a deleted network's, does not stay in the server's folder (review R4A)."""

import errno
import os
import tempfile
from pathlib import Path

import pytest
from tests.unit.server.conftest import Ended, Features

from warren.errors import Code, WarrenError
from warren.model.ids import short_identity
from warren.protocol.rest.networks import take_over_statement
from warren.server import files
from warren.server.networks.live import LiveNetwork
from warren.trust import root_key

BOTH = pytest.mark.parametrize("how", ["take over", "delete"])


def file_of(features: Features, network: LiveNetwork) -> Path:
    return features.networks._folder.root_key(short_identity(network.id))


async def end(features: Features, network: LiveNetwork, how: str) -> None:
    """The owner takes the root over, or deletes the network."""
    if how == "delete":
        await features.networks.delete(network, actor="owner")
        return
    _, root = root_key.parse_root(features.networks.root_secret(network).reveal())
    await features.networks.forget_root(network, root.sign(take_over_statement(network.id)), actor="owner")


def refuse(_self: Path, *, missing_ok: bool = False) -> None:
    raise OSError(errno.EIO, os.strerror(errno.EIO))


@BOTH
async def test_a_root_key_is_gone_from_disk_when_its_owner_hears_so(
    features: Features, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    network, synced = await features.networks.create("other", None, actor="test"), list[Path]()
    monkeypatch.setattr(files, "sync_folder", synced.append)
    await end(features, network, how)
    assert synced == [features.networks._folder.keys]
    assert not file_of(features, network).exists()


@BOTH
async def test_a_root_key_that_a_crash_left_goes_at_the_next_start(
    features: Features, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """Killed between the commit and the file's end; whose key nobody knows stays, and so do those in use."""
    network, unknown = await features.networks.create("other", None, actor="test"), file_of(features, features.network)
    unknown = unknown.with_name("root-0123456789.key")
    unknown.write_bytes(bytes(32))
    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", refuse)
        with pytest.raises(WarrenError) as refused:
            await end(features, network, how)
        assert (refused.value.code, "next start" in str(refused.value)) == (Code.STORE_UNAVAILABLE, True)
        await features.networks.load()
    assert file_of(features, network).exists()
    await features.networks.load()
    assert not file_of(features, network).exists()
    assert unknown.exists()
    assert file_of(features, features.networks.find("default")).exists()


@BOTH
async def test_where_the_folder_of_keys_takes_no_change_nothing_is_done(
    features: Features, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    def read_only(*_words: object, **_more: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    network = await features.networks.create("other", None, actor="test")
    monkeypatch.setattr(tempfile, "TemporaryFile", read_only)
    with pytest.raises(WarrenError) as refused:
        await end(features, network, how)
    assert (refused.value.code, "read-only" in refused.value.fix) == (Code.STORE_UNAVAILABLE, True)
    await features.networks.load()
    assert features.networks.find("other").row.root == "this server"
    assert file_of(features, network).exists()


async def test_sessions_of_a_deleted_network_end_even_if_its_key_stays(
    features: Features, monkeypatch: pytest.MonkeyPatch
) -> None:
    network, who, session = features.network, await features.join(await features.key(), "a"), Ended()
    features.hub.attach(network.id, who, session)
    monkeypatch.setattr(Path, "unlink", refuse)
    with pytest.raises(WarrenError):
        await features.networks.delete(network, actor="owner")
    assert session.ended == [Code.NETWORK_UNKNOWN]
