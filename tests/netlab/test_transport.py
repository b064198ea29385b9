"""Two real machines carry with AES-256-GCM where both want it, and with WireGuard's cipher where one does not."""

import pytest
from tests.netlab.lab import Lab
from tests.netlab.machines import Machine, Server
from tests.netlab.until import until

from warren.node.dataplane.userspace import HAS_FAST_AES

pytestmark = pytest.mark.netlab

AES, CHACHA = "aes-256-gcm", "chacha20-poly1305"


def ciphers(machine: Machine) -> list[str]:
    """Of the sessions with its peers."""
    return [peer["cipher"] for peer in machine.status()["peers"]]


@pytest.mark.skipif(not HAS_FAST_AES, reason="this processor has no instructions for AES, so no machine here offers it")
def test_two_machines_take_aes_and_one_that_wants_wireguard_only_changes_both_at_once(lab: Lab) -> None:
    lan = lab.switch("lan")
    server = Server(lab.host("server", lan), lab.folder)
    server.start()
    key = server.key("--reusable")
    a, b = (Machine(lab.host(name, lan), lab.folder) for name in ("a", "b"))
    a.up(server, key)
    b.up(server, key)
    a.run("ping", "b")
    until(lambda: (ciphers(a), ciphers(b)) == ([AES], [AES]), "the session with AES, on both sides")
    b.run("up", "--transport", "wireguard")
    assert b.status()["networks"][0]["transport"] == "wireguard"
    until(lambda: (ciphers(a), ciphers(b)) == ([CHACHA], [CHACHA]), "the session with WireGuard's cipher")
    a.run("ping", "b")
    b.run("up", "--transport", "auto")
    until(lambda: (ciphers(a), ciphers(b)) == ([AES], [AES]), "the session with AES")


@pytest.mark.skipif(not HAS_FAST_AES, reason="this processor has no instructions for AES, so no machine here offers it")
def test_a_machine_that_joins_with_wireguard_only_never_takes_aes(lab: Lab) -> None:
    lan = lab.switch("lan")
    server = Server(lab.host("server", lan), lab.folder)
    server.start()
    key = server.key("--reusable")
    a, b = (Machine(lab.host(name, lan), lab.folder) for name in ("a", "b"))
    a.up(server, key)
    b.run("up", "--server", server.url, "--auth-key", key, "--hostname", "b", "--transport", "wireguard")
    a.run("ping", "b")
    until(lambda: all(ciphers(a)) and all(ciphers(b)), "a session on both sides")
    assert (ciphers(a), ciphers(b)) == ([CHACHA], [CHACHA])
    refused = b.run("up", "--transport", "rot13", check=False)
    assert (refused.returncode, "auto or wireguard" in refused.stderr) == (2, True)
