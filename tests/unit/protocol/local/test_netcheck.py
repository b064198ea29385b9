"""One sentence of advice: the first thing that stands in the way, or that nothing does."""

import msgspec
import pytest

from warren.protocol.local.netcheck import Family, Gateway, Netcheck, Relay, advise

SEEN = Family(works=True, mapped="198.51.100.9:40000", has_address=True, nat="stable")
NONE = Family(works=None)
GOOD = Netcheck(
    udp=True, ipv4=SEEN, ipv6=NONE, mapping_varies=False, gateways=(), captive_portal=False, relays=()
)  # fmt: skip
SILENT = Relay(name="server", trouble="it does not answer")
MAPPED = Gateway(
    family=4, address="192.168.1.1", protocols={"pcp": "present"}, method="pcp", external="198.51.100.9:40000"
)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"captive_portal": True, "udp": False}, "sign in"),
        ({"udp": False}, "by no way yet"),
        ({"udp": False, "relays": (Relay(name="fra", latency_ms=9.0),)}, "through a relay over TLS"),
        ({"udp": None}, "name one with --server"),
        ({"udp": None, "relays": (SILENT,), "captive_portal": None}, "No relay answers"),
        ({"udp": False, "relays": (SILENT,), "captive_portal": None}, "No relay answers"),
        ({"udp": False, "relays": (SILENT,)}, "UDP is blocked"),
        ({"relays": (SILENT,), "forced": True}, "No relay answers"),
        ({"forced": True}, "--no-force-relay"),
        ({"mapping_varies": None}, "one place alone"),
        ({"mapping_varies": None, "relayed_peers": 2}, "0 are reached directly, 2 by a relay"),
        ({"mapping_varies": None, "gateways": (MAPPED,)}, "All is well"),
        ({"mapping_varies": True}, "switch on UPnP"),
        ({"mapping_varies": True, "ipv6": SEEN}, "IPv6 helps"),
        ({"mapping_varies": True, "gateways": (MAPPED,)}, "All is well: the router maps"),
        ({"ipv4": msgspec.structs.replace(SEEN, nat="none")}, "public address"),
        ({}, "All is well"),
    ],
)
def test_the_advice_is_about_the_first_thing_in_the_way(change: dict[str, object], word: str) -> None:
    sentence = advise(msgspec.structs.replace(GOOD, **change))
    assert word in sentence
    assert sentence.endswith(".")
    assert sentence.count(". ") == 0, "one sentence"
