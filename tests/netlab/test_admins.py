"""An open network's admins: without a login, without the root key, and what is said of rights that stay."""

import pytest
from tests.netlab.lab import Lab
from tests.netlab.machines import WARREN, Machine, Server
from tests.netlab.until import until

pytestmark = pytest.mark.netlab


def peers(machine: Machine) -> set[str]:
    return {peer.name for peer in machine.look().peers}


def test_an_admin_without_a_login_acts_by_its_own_key_and_hears_what_stays(lab: Lab) -> None:
    lan = lab.switch("lan")
    server = Server(lab.host("server", lan), lab.folder)
    a, b, c = (Machine(lab.host(name, lan), lab.folder) for name in "abc")
    server.start()
    key = server.key("--reusable")
    joining = [one.start("up", "--server", server.url, "--auth-key", key, "--hostname", one.name) for one in (a, b, c)]
    assert [one.wait(60) for one in joining] == [0, 0, 0]
    until(lambda: all(len(peers(one)) == 2 for one in (a, b, c)), "they joined at once, and know each other")
    a.run("network", "take-over", "--server", str(server.data), "--yes")

    plain = c.run("member", "kick", "b", "--yes", check=False)
    assert plain.returncode == 1
    assert "E_UNAUTHENTICATED" in plain.stderr
    assert f"warren login --server {server.url}" in plain.stderr

    a.run("member", "promote", "b", "--yes")
    until(lambda: b.run("member", "demote", "b", "--yes", check=False).returncode == 0, "b is an admin and resigns")
    assert b.run("member", "demote", "b", "--yes", check=False).returncode == 1, "it has resigned already"
    until(lambda: a.run("member", "promote", "b", "--yes", check=False).returncode == 0, "b is an admin again")
    until(lambda: b.run("member", "kick", "c", "--yes", check=False).returncode == 0, "b kicks without a login")
    until(lambda: "c" not in peers(a) | peers(b), "c is out")
    stays = b.run("member", "demote", "b", "--yes", check=False)
    assert "would end with its office" in stays.stderr, "what b signed of c would come to nothing"

    link = a.run("invite", "create", "--yes").stdout.strip()
    revoked = server.host.run([WARREN, "key", "revoke", link.rsplit(".", 3)[1], "--server", server.data], check=False)
    assert "warren invite revoke" in revoked.stderr, "no daemon there signs"
    signed = a.run("key", "revoke", link.rsplit(".", 3)[1], "--server", str(server.data), "--yes")
    assert "its end is signed; whom it admitted stays" in signed.stderr
    again = a.run("key", "revoke", link.rsplit(".", 3)[1], "--server", str(server.data), "--yes")
    assert "invite's" not in again.stderr
    kicked = server.host.run([WARREN, "member", "kick", "b", "--server", server.data, "--yes"])
    assert "b keeps what its key may sign" in kicked.stderr
