"""F30: a kicked machine, which goes on as if nothing had happened: no packet of it passes, at anybody, at any time."""

import pytest
from tests.faults import figures
from tests.netlab.lab import Lab
from tests.netlab.machines import WARREN, Machine, Server
from tests.netlab.process import Process
from tests.netlab.until import until

KICKED_WITHIN_S = 2.0
DEAF = (
    "add table inet deaf",
    "add chain inet deaf out { type filter hook output priority 0 ; }",
    "add rule inet deaf out tcp dport 8443 drop",
)


def knocks(machine: Machine, address: str) -> Process:
    """It pings an address ten times a second, as long as the case lasts."""
    return machine.host.start(["ping", "-n", "-O", "-i", "0.1", "-W", "1", address])


def replies(knocking: Process) -> int:
    return knocking.output().count("bytes from")


def in_vain(knocking: Process) -> int:
    """How often it said that a ping had no answer by the time of the next."""
    return knocking.output().count("no answer yet")


def until_in_vain(*knocking: Process) -> None:
    """Wait until each has knocked in vain a few times more: what passed before that is answered, and told."""
    before = [in_vain(one) for one in knocking]
    until(lambda: all(in_vain(one) > was + 3 for one, was in zip(knocking, before, strict=True)), "all knock in vain")


def killed_and_up(machine: Machine) -> None:
    """Its daemon is killed and started again."""
    machine.kill_daemon()
    machine.run("up")


@pytest.mark.netlab
def test_a_kicked_machine_passes_no_packet_direct_relayed_to_who_was_away_or_without_the_server(lab: Lab) -> None:
    lan = lab.switch("lan")
    server = Server(lab.host("server", lan), lab.folder)
    server.start()
    direct, relayed, away, kicked = (
        Machine(lab.host(name, lan), lab.folder) for name in ("direct", "relayed", "away", "kicked")
    )
    key = server.key("--reusable")
    for machine in (direct, relayed, away, kicked):
        machine.up(server, key)
    relayed.run("up", "--force-relay")
    everybody = (direct, relayed, away)
    addresses = [machine.status()["self"]["addresses"][0] for machine in everybody]
    knocking = [knocks(kicked, address) for address in addresses]
    until(lambda: all(replies(one) for one in knocking), "it reaches all of them", 60.0)
    until(lambda: relayed.path_to("kicked").kind == "relay", "one of them by the relay", 60.0)
    away.run("down")

    for words in DEAF:  # it does not hear that it was kicked, and goes on; the relay's UDP port it still reaches
        kicked.host.run(["nft", *words.split()])
    with figures.within(KICKED_WITHIN_S, "F30: from the kick until the peers that are online shut it out"):
        server.host.run([WARREN, "member", "kick", "kicked", "--server", server.data, "--yes"])
        for machine in (direct, relayed):
            until(lambda m=machine: "kicked" not in {one.name for one in m.look().peers}, "shut out")  # type: ignore[misc]
    until_in_vain(*knocking)
    before = [replies(one) for one in knocking]
    away.run("up")
    until(lambda: away.look().networks[0].server.state == "connected", "who was away is back")
    assert "kicked" not in {one.name for one in away.look().peers}

    assert server.process is not None
    server.process.kill()
    for machine in everybody:
        killed_and_up(machine)
        assert "kicked" not in {one.name for one in machine.look().peers}
    until_in_vain(*knocking)
    assert [replies(one) for one in knocking] == before
    assert all(one.running for one in knocking), "it knocked all the time"
    assert kicked.look().peers, "and took itself for a member"
