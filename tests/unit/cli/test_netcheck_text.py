"""`warren netcheck` for people: a line a fact, the advice last; nothing from outside moves the terminal."""

from warren.cli.netcheck import render
from warren.protocol.local.netcheck import Family, Gateway, Netcheck, Relay

FOUND = Netcheck(
    udp=True,
    ipv4=Family(works=True, mapped="198.51.100.9:40000", has_address=True, nat="varies"),
    ipv6=Family(works=False, has_address=True),
    mapping_varies=True,
    gateways=(
        Gateway(
            family=4,
            address="192.168.1.1",
            protocols={"pcp": "not believed: port 53 belongs to a service", "nat-pmp": "no answer", "upnp": "present"},
            method="upnp",
            external="198.51.100.9:40001",
        ),
    ),
    captive_portal=None,
    relays=(
        Relay(name="syd", latency_ms=281.0, over="udp"),
        Relay(name="bad\x1b[31m", trouble="no answer"),
        Relay(name="fra", latency_ms=8.2, home=True, over="websocket"),
    ),
    advice="Do this.",
)


def test_every_fact_is_a_line_and_relays_are_by_latency() -> None:
    lines = render(FOUND)
    assert [line.split("  ")[0] for line in lines if "  " in line] == [
        "UDP",
        "IPv4",
        "IPv6",
        "mapping varies by destination",
        "port mapping",
        "captive portal",
        "relay",
        "relay",
        "relay",
    ]
    text = "\n".join(lines)
    assert "198.51.100.9:40000 (another for each destination)" in text
    assert "upnp at 192.168.1.1, mapped to 198.51.100.9:40001 by upnp; pcp: not believed: port 53" in text
    assert text.index("fra: 8.2 ms over websocket, home") < text.index("syd: 281 ms") < text.index("bad")
    assert lines[-1] == "Do this."
    assert "\x1b" not in text


def test_a_command_without_a_daemon_says_what_only_a_daemon_asks() -> None:
    alone = Netcheck(
        udp=False,
        ipv4=Family(works=False, has_address=True),
        ipv6=Family(works=None),
        mapping_varies=None,
        gateways=(),
        captive_portal=False,
        relays=(),
        asked_by="command",
    )
    text = "\n".join(render(alone))
    assert "is blocked" in text
    assert "only a daemon asks" in text
    assert "no address" in text
