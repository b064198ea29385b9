"""Several networks on one machine that want the same name or addresses, and what else is on a host already."""

import json

import pytest
from tests.netlab.lab import Lab
from tests.netlab.machines import WARREN, Machine, Server
from tests.netlab.until import until

pytestmark = pytest.mark.netlab

PREFIX = "10.77.0.0/16"


def make(server: Server, name: str, prefix: str) -> str:
    """A network on this server, and a key for it that admits many."""
    server.host.run([WARREN, "network", "create", name, "--prefix", prefix, "--server", server.data])
    return server.key("--network", name, "--reusable")


def addresses(machine: Machine, network: str) -> list[str]:
    found = [one for one in machine.status()["networks"] if one["name"] == network]
    return [str(address) for address in found[0]["self"]["addresses"]]


def answers(machine: Machine, address: str) -> bool:
    done = machine.host.run(["ping", "-c", "1", "-W", "5", address], check=False)
    return "1 received" in done.stdout


def test_two_networks_of_one_name_and_prefix_are_both_usable_on_one_machine(lab: Lab) -> None:
    lan = lab.switch("lan")
    servers = [Server(lab.host(name, lan), lab.folder) for name in ("s1", "s2")]
    keys = []
    for server in servers:
        server.start()
        keys.append(make(server, "club", PREFIX))
    a, b, c = (Machine(lab.host(name, lan), lab.folder) for name in ("a", "b", "c"))
    untouched = a.host.snapshot()
    b.up(servers[0], keys[0])
    c.up(servers[1], keys[1])
    a.up(servers[0], keys[0])
    before = a.host.snapshot()

    refused = a.run("up", "--server", servers[1].url, "--auth-key", keys[1], "--hostname", "a", check=False)
    assert refused.returncode == 1
    assert "E_ADDRESS_COLLISION" in refused.stderr
    assert f"network club uses {PREFIX}" in refused.stderr
    assert "--ipv6-only" in refused.stderr
    assert before.difference(a.host.snapshot()) == []
    joined = a.run("up", "--server", servers[1].url, "--auth-key", keys[1], "--hostname", "a", "--ipv6-only")
    assert "a.club-2.warren.internal" in joined.stdout
    assert before.missing(a.host.snapshot()) == [], "what the first network has on this host is as it was"

    until(lambda: len(a.status()["peers"]) == 2, "a sees both peers")
    assert "pong from b" in a.run("ping", "b.club", "-c", "1").stdout
    assert "pong from c" in a.run("ping", "c.club-2", "-c", "1").stdout
    assert a.run("ping", "b.club-2", "-c", "1", check=False).returncode != 0
    in_first, in_second = addresses(b, "club"), addresses(c, "club")
    assert all(answers(a, address) for address in (*in_first, in_second[1]))
    assert len(addresses(a, "club-2")) == 1
    assert answers(c, addresses(a, "club-2")[0])

    a.run("down")
    assert untouched.difference(a.host.snapshot()) == []
    a.run("up")
    assert "pong from c" in a.run("ping", "c.club-2", "-c", "1").stdout, "its name and family are kept"
    a.run("up", "--network", "club-2", "--alias", "annex")
    assert "pong from c" in a.run("ping", "c.annex", "-c", "1").stdout
    a.run("leave", "--network", "club", "--yes")
    a.run("up", "--network", "annex", "--no-ipv6-only")  # nothing is in its way any more
    until(lambda: len(addresses(a, "annex")) == 2, "IPv4 too")
    assert answers(a, in_second[0])


def test_who_renames_their_network_takes_no_names_from_one_that_was_there_before(lab: Lab) -> None:
    lan = lab.switch("lan")
    a, machines = Machine(lab.host("a", lan), lab.folder), dict[str, Machine]()
    servers = {name: Server(lab.host(f"of-{name}", lan), lab.folder) for name in ("work", "fun")}
    for number, name in enumerate(servers):
        server = servers[name]
        server.start()
        key = make(server, name, f"10.{80 + number}.0.0/16")
        machines[name] = Machine(lab.host(f"db-{name}", lan), lab.folder, name=f"db-{name}")
        for machine in (machines[name], a):
            machine.run("up", "--server", server.url, "--auth-key", key, "--hostname", machine.name.partition("-")[0])
    (stays,) = addresses(machines["work"], "work")[:1]
    renaming = servers["fun"]
    renaming.host.run([WARREN, "network", "rename", "fun", "work", "--server", renaming.data])
    until(lambda: {one["name"] for one in a.status()["networks"]} == {"work", "work-2"}, "a has a name for both")
    until(lambda: {one["name"] for one in machines["fun"].status()["networks"]} == {"work"}, "so it is told elsewhere")
    assert stays in a.run("ping", "db.work", "-c", "1").stdout
    a.run("up")
    assert stays in a.run("ping", "db.work", "-c", "1").stdout
    assert addresses(machines["fun"], "work")[0] in a.run("ping", "db.work-2", "-c", "1").stdout


def test_what_a_host_has_already_is_found_before_a_key_is_used_and_stays_as_it_is(lab: Lab) -> None:
    lan = lab.switch("lan")
    server, a = Server(lab.host("server", lan), lab.folder), Machine(lab.host("a", lan), lab.folder)
    server.start()
    host = a.host
    for words in (
        "link add docker0 type bridge",
        "addr add 172.17.0.1/16 dev docker0",
        "link set docker0 up",
        "link add wan type bridge",  # a provider with carrier-grade NAT: its gateway is in the shared space
        "addr add 100.81.3.7/10 dev wan",
        "link set wan up",
        "route add 198.51.100.0/24 via 100.70.0.1 dev wan",
        "route add 10.99.5.0/24 via 100.81.0.1 dev wan",
    ):
        host.run(["ip", *words.split()])
    until(lambda: "tentative" not in host.run(["ip", "-6", "addr"]).stdout, "addresses have settled")
    before = host.snapshot()
    key = ""
    for number, (prefix, said) in enumerate(
        {
            "172.17.128.0/20": "172.17.0.1/16 on docker0",
            "100.70.0.0/16": "goes by 100.70.0.1 on wan",
            "100.81.0.0/16": "100.81.3.7/10 on wan",
            "10.99.0.0/16": "already routes 10.99.5.0/24 to wan",
        }.items()
    ):
        key = make(server, f"n{number}", prefix)
        done = a.run("up", "--server", server.url, "--auth-key", key, "--hostname", "a", check=False)
        assert (done.returncode, "E_ADDRESS_COLLISION" in done.stderr) == (1, True), done.stderr
        assert said in done.stderr
        assert "--ipv6-only" in done.stderr
        assert before.difference(host.snapshot()) == []
        listed = json.loads(
            server.host.run(
                [WARREN, "key", "list", "--network", f"n{number}", "--json", "--server", server.data]
            ).stdout
        )
        assert [one["uses"] for one in listed["keys"]] == [0]
    a.run("up", "--server", server.url, "--auth-key", key, "--hostname", "a", "--ipv6-only")
    assert before.missing(host.snapshot()) == []
    a.up(server, make(server, "beside", "100.99.0.0/16"))  # in the shared space too, elsewhere than this carrier
    assert before.missing(host.snapshot()) == []
    a.run("down")
    assert before.difference(host.snapshot()) == []
