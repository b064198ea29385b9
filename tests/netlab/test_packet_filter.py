"""The packet filter between two real hosts: at the engine with a filter on one end, and by a policy as people do.

Rules 25 to 27 of SECURITY on the wire; what headers can hide is tried in `engine/proto/src/filter/tests`.
"""

import json
import signal
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
from tests.faults import figures
from tests.interop.two_engines import A6, B6, A, B, TwoEngines
from tests.netlab.host import Host
from tests.netlab.lab import Lab, LabUnavailable
from tests.netlab.machines import WARREN, Machine, Server
from tests.netlab.process import Process
from tests.netlab.until import until

pytestmark = pytest.mark.netlab

ANY_IN, ANY_OUT = [1, True, None, 0, 0], [2, False, None, 0, 0]
PORT, OTHER = 5001, 5002
CUT_S = 2.0  # FAULTS, F38
PATIENCE_S, SILENT_S = 20, 1  # for what is to come, and for what is not
PEER_FLOWS = 32_768  # engine/proto/src/limits.rs


def reaching(host: Host, *words: str) -> Process:
    return host.start([sys.executable, "-m", "tests.netlab.reaching", *words])


def reaches(host: Host, kind: str, address: str, port: int, size: int = 5) -> bool:
    """Whether it comes about, to which it has time."""
    return _attempt(host, kind, address, port, size, PATIENCE_S)


def is_kept_out(host: Host, kind: str, address: str, port: int) -> bool:
    """Whether nothing came back for a second."""
    return not _attempt(host, kind, address, port, 5, SILENT_S)


def _attempt(host: Host, kind: str, address: str, port: int, size: int, patience_s: int) -> bool:  # noqa: PLR0917
    program = [sys.executable, "-m", "tests.netlab.reaching", "try", kind, address, str(port), str(size)]
    return host.run([*program, str(patience_s)], check=False).returncode == 0


def pings(host: Host, address: str, size: int = 56, patience_s: int = PATIENCE_S) -> bool:
    return host.run(["ping", "-c1", f"-W{patience_s}", f"-s{size}", address], check=False).returncode == 0


def is_silent(host: Host, address: str) -> bool:
    """Whether a ping has no answer for a second."""
    return not pings(host, address, patience_s=SILENT_S)


class Ends(TwoEngines):
    """With services on two ports of `b`, one of `a`."""

    def __init__(self, lab: Lab) -> None:
        super().__init__(lab)
        for host, port in ((self.hosts[1], PORT), (self.hosts[1], OTHER), (self.hosts[0], PORT)):
            reaching(host, "serve", str(port)).wait_for("serving")
        until(lambda: pings(self.hosts[0], B, patience_s=1), "the session stands")

    def set(self, a: list[list[Any]] | None, b: list[list[Any]] | None) -> None:
        """The filters' rules; None: no filter."""
        for engine, rules in ((self.a, a), (self.b, b)):
            if rules is None:
                engine.ask("clear_filter")
            else:
                engine.ask("set_filter", *rules)


@pytest.fixture(scope="module")
def ends(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ends]:
    try:
        lab = Lab(tmp_path_factory.mktemp("lab"))
    except LabUnavailable as reason:
        pytest.skip(str(reason))
    with lab:
        both = Ends(lab)
        yield both
        both.end()


def test_without_rules_nothing_passes_and_with_all_of_them_everything(ends: Ends) -> None:
    a, b = ends.hosts
    ends.set(None, [])
    assert is_silent(a, B)
    assert is_kept_out(a, "tcp", B6, PORT)
    assert is_kept_out(b, "udp", A, PORT)
    ends.set([ANY_IN, ANY_OUT], [ANY_IN, ANY_OUT])
    for address in (B, B6):
        assert pings(a, address)
        assert reaches(a, "tcp", address, PORT, 1_000_000)
        assert reaches(a, "udp", address, PORT)


def test_what_is_not_allowed_is_refused_by_each_end_alone_with_the_reason(ends: Ends) -> None:
    a, _ = ends.hosts
    inward = [[3, True, 6, PORT, PORT]]
    ends.set(None, inward)
    before = ends.b.ask("counters")
    assert reaches(a, "tcp", B, PORT)
    assert is_kept_out(a, "tcp", B, OTHER)
    assert is_kept_out(a, "udp", B, PORT)
    after = ends.b.ask("counters")
    assert after["drop_filter_no_rule_in"] >= before["drop_filter_no_rule_in"] + 2
    drops = ends.b.ask("drops")
    assert {(one[0], one[1], one[2]) for one in drops} >= {("NO_RULE", 6, OTHER), ("NO_RULE", 17, PORT)}
    ends.set([[4, False, 6, PORT, PORT]], None)
    before = ends.a.ask("counters")
    assert reaches(a, "tcp", B6, PORT)
    assert is_kept_out(a, "tcp", B6, OTHER)
    assert ends.a.ask("counters")["drop_filter_no_rule_out"] > before["drop_filter_no_rule_out"]


def test_answers_pass_only_to_who_asked(ends: Ends) -> None:
    a, b = ends.hosts
    ends.set([ANY_OUT], None)
    assert pings(a, B)
    assert reaches(a, "udp", B, PORT)
    assert reaches(a, "tcp", B, PORT)
    assert is_silent(b, A)
    assert is_kept_out(b, "tcp", A, PORT)
    assert is_kept_out(b, "udp", A6, PORT)


def test_fragments_pass_with_their_first_one_and_port_unreachable_with_its_flow(ends: Ends) -> None:
    a, _ = ends.hosts
    ends.set([ANY_OUT], [[5, True, 17, PORT, OTHER + 1], [6, True, 1, 0, 0]])
    assert reaches(a, "udp", B, PORT, 4000), "four fragments each way"
    assert reaches(a, "udp", B6, PORT, 4000)
    assert pings(a, B, 3000)
    argv = [sys.executable, "-m", "tests.netlab.reaching", "try", "udp", B, str(OTHER + 1)]
    assert "refused" in a.run(argv, check=False).stdout, "nobody is there, and that is told"
    argv[-1] = str(OTHER + 2)
    assert "timed out" in a.run(argv, check=False).stdout, "the filter tells nothing"


def test_a_flood_of_flows_is_bounded_and_leaves_a_connection(ends: Ends) -> None:
    a, b = ends.hosts
    ends.set(None, [ANY_IN, ANY_OUT])
    held = reaching(b, "hold", A, str(PORT))
    held.wait_for("connected")
    held.signal(signal.SIGUSR1)
    held.wait_for("back")
    flood = reaching(a, "flood", B, "10000000")  # a loaded machine loses many of them: until it is enough
    until(lambda: ends.b.ask("counters")["flows_evicted"] > 0, "flows made room for others", 30)
    flood.stop()
    assert ends.b.ask("counters")["flows"] <= PEER_FLOWS
    held.signal(signal.SIGUSR1)
    held.wait_for("back", times=2)
    held.stop()


# --- by a policy ---


def rule(source: str, destination: str, *ports: str, protocol: str = "tcp") -> dict[str, Any]:
    said: dict[str, Any] = {"from": [source], "to": [destination], "protocols": [protocol]}
    return said | ({"ports": list(ports)} if ports else {})


class Ruled:
    """A server and two machines that joined, with a service on two ports of each."""

    def __init__(self, lab: Lab) -> None:
        lan = lab.switch("lan")
        self.server = Server(lab.host("server", lan), lab.folder)
        self.a, self.b = (Machine(lab.host(name, lan), lab.folder) for name in ("a", "b"))
        self.server.start()
        key = self.server.key("--reusable")
        self.a.up(self.server, key)
        self.b.up(self.server, key)
        for machine, port in ((self.a, PORT), (self.b, PORT), (self.b, OTHER)):
            reaching(machine.host, "serve", str(port)).wait_for("serving")
        self.addresses = [one.look().networks[0].me.addresses[0] for one in (self.a, self.b)]
        self._file = lab.folder / "policy.json"
        self.a.run("ping", "b", "-c", "1", "--timeout", "30s")

    def set(self, *rules: dict[str, Any]) -> float:
        """Set a policy of these rules, a line each from line 2; how long until both nodes have it."""
        lines = ",\n".join(json.dumps(one) for one in rules)
        self._file.write_text(f'{{"version": 1, "rules": [\n{lines}]}}')
        began = time.monotonic()
        self.server.host.run([WARREN, "policy", "set", self._file, "--server", self.server.data])
        return began

    def why(self, machine: Machine, *words: str) -> tuple[int, dict[str, Any]]:
        """`warren why`: exit code and answer."""
        done = machine.run("why", *words, "--json", check=False)
        return done.returncode, json.loads(done.stdout)

    def until_ruled(self, machine: Machine, source: str, target: str, *, reachable: bool) -> None:
        until(lambda: (self.why(machine, source, target)[0] == 0) is reachable, f"{source} to {target}: {reachable}")


@pytest.fixture
def ruled(lab: Lab) -> Ruled:
    return Ruled(lab)


def test_a_policy_opens_what_it_says_and_why_knows_it(ruled: Ruled) -> None:
    a, b = ruled.a, ruled.b
    to_a, to_b = ruled.addresses
    code, found = ruled.why(a, "a", f"b:{PORT}")
    assert (code, found["reachable"]) == (0, True), found
    assert {"rule", "route", "key", "path", "firewall", "name"} <= {step["name"] for step in found["steps"]}
    held = reaching(a.host, "hold", to_b, str(OTHER))
    held.wait_for("connected")

    ruled.set(rule("host:a", "host:b", str(PORT)), rule("*", "host:b", protocol="icmp"))
    for machine in (a, b):
        ruled.until_ruled(machine, "a", f"b:{OTHER}", reachable=False)
    held.signal(signal.SIGUSR1)
    held.wait_for("silence")
    held.stop()
    assert reaches(a.host, "tcp", to_b, PORT, 100_000)
    assert pings(a.host, to_b, 3000)
    assert is_kept_out(a.host, "tcp", to_b, OTHER)
    assert is_kept_out(a.host, "udp", to_b, PORT)
    assert is_kept_out(b.host, "tcp", to_a, PORT)
    assert is_silent(b.host, to_a)

    code, found = ruled.why(a, "a", f"b:{OTHER}")
    assert (code, found["reachable"]) == (1, False)
    failed = {step["name"]: step["text"] for step in found["steps"] if step["ok"] is False}
    assert set(failed) == {"rule", "firewall"}
    assert "line 2" in failed["rule"]
    assert "rule from a to b" in found["advice"]
    until(
        lambda: (
            {"its rule was withdrawn", "no rule lets it in or out"}
            <= {drop["reason"] for drop in ruled.why(a, "a", f"b:{OTHER}")[1]["drops"]}
        ),
        "`why` tells of what was dropped, and for which reasons",
    )
    until(lambda: ruled.why(b, "a", f"b:{PORT}")[0] == 0, "b too says that a reaches it")
    text = a.run("why", "b", f"a:{PORT}", check=False)
    assert text.returncode == 1
    assert "NO: " in text.stdout
    assert "b cannot reach a" in text.stdout
    counted = ("drop_filter_no_rule_out", "drop_filter_withdrawn", "flows_opened", "flows_ended")
    until(lambda: all(a.status()["networks"][0]["filter"][name] > 0 for name in counted), f"each counts: {counted}")
    (cut,) = [flow for flow in ruled.why(a, "a", f"b:{OTHER}")[1]["flows"] if flow["end"] == "withdrawn"]
    assert (cut["protocol"], cut["port"], cut["inward"]) == ("tcp", OTHER, False)
    assert cut["tx_packets"] > 0
    assert cut["rx_packets"] > 0


def test_why_does_not_call_a_machine_offline_that_policy_hides(ruled: Ruled) -> None:
    ruled.set(rule("host:a", "host:elsewhere"))
    ruled.until_ruled(ruled.a, "a", "b", reachable=False)
    until(lambda: not ruled.a.look().peers[0].online, "the server tells a nothing of b any more")
    _, found = ruled.why(ruled.a, "a", "b")
    assert "offline" not in json.dumps(found)
    assert "policy hides whether it is online" in {step["name"]: step["text"] for step in found["steps"]}["path"]


def test_a_flow_is_cut_within_two_seconds_of_the_policy(ruled: Ruled) -> None:
    everything = rule("*", "*", f"{PORT}-{OTHER}")
    ruled.set(everything)
    ruled.until_ruled(ruled.a, "a", f"b:{OTHER + 1}", reachable=False)
    held = reaching(ruled.a.host, "hold", ruled.addresses[1], str(OTHER))
    held.wait_for("connected")
    began = ruled.set(rule("*", "*", str(PORT)))
    until(lambda: ruled.why(ruled.a, "a", f"b:{OTHER}")[0] == 1, "the new policy is in force")
    took_s = time.monotonic() - began
    held.signal(signal.SIGUSR1)
    held.wait_for("silence")
    held.stop()
    figures.note("F38: a flow is cut, with the command's own start and the asking", took_s, CUT_S + 2.0)
