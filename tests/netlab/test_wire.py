"""A wire is as bad as told, to UDP and TCP, and good enough for a thousand packets a second each way."""

import contextlib
import statistics
import time
from collections import Counter
from random import Random  # noqa: TID251 - seeded

import pytest
from tests.faults import figures
from tests.interop.flow import Flow
from tests.netlab.behaviour import HEARD_S, arrivals, place_of
from tests.netlab.host import Host
from tests.netlab.impairment import PERFECT, Impairment, Line
from tests.netlab.lab import Lab
from tests.netlab.wire import Wire

COUNT = 2_000
GAP_S = 0.001
LATE_MS = 25.0  # what a loaded machine may add to the quickest tenth: all others wait for a core now and then too
RATE_BYTES_S = 1e6


def dues(impairment: Impairment, *, count: int = COUNT, seed: int = 1) -> list[tuple[float, ...]]:
    line = Line(impairment, Random(seed))  # noqa: S311 - a seed
    return [line.handle_frame(1000, number * GAP_S) for number in range(count)]


def test_a_line_repeats_by_its_seed_and_differs_by_another() -> None:
    bad = Impairment(delay_ms=10, jitter_ms=30, loss=0.1, reorder=0.1, duplicate=0.1)
    assert dues(bad) == dues(bad)
    assert dues(bad) != dues(bad, seed=2)


def test_a_line_loses_doubles_and_turns_the_share_it_is_told() -> None:
    assert all(due == (number * GAP_S,) for number, due in enumerate(dues(PERFECT)))
    assert sum(not due for due in dues(Impairment(loss=0.3))) == pytest.approx(0.3 * COUNT, rel=0.15)
    assert sum(len(due) == 2 for due in dues(Impairment(duplicate=0.2))) == pytest.approx(0.2 * COUNT, rel=0.2)
    flat = [due for (due,) in dues(Impairment(delay_ms=5, reorder=0.25))]
    overtaken = sum(due > min(flat[number + 1 :], default=due) for number, due in enumerate(flat))
    assert overtaken == pytest.approx(0.25 * COUNT, rel=0.15)
    jittered = [due for (due,) in dues(Impairment(jitter_ms=300))]
    assert jittered == sorted(jittered)


def test_a_line_with_a_rate_fills_its_buffer_and_then_drops() -> None:
    # 1,000-byte frames each ms are 8 Mbit/s into 1 Mbit/s
    sent = [(number * GAP_S, due) for number, due in enumerate(dues(Impairment(rate_bit_s=1e6, buffer_ms=500)))]
    passed = [(at, due[0]) for at, due in sent if due]
    assert len(passed) == pytest.approx((COUNT * GAP_S + 0.5) * 125, rel=0.05)
    assert max(due - at for at, due in passed) == pytest.approx(0.508, rel=0.02)


@pytest.fixture
def near(lab: Lab) -> Host:
    return lab.host("near", lab.switch("lan"))


@pytest.fixture
def wire(lab: Lab, near: Host) -> Wire:
    wire = lab.wire("dsl")
    lab.host("far", near.interfaces["eth0"].switch, wire=wire)
    return wire


def echo_loop(near: Host, far: Host, count: int) -> tuple[Counter[int], list[int], list[float]]:
    """A thousand packets a second both ways: how often each number came back, in which order, after how long (ms)."""
    a, b = near.udp((str(near.ip), 0))[0], far.udp((str(far.ip), 0))[0]
    times: Counter[int] = Counter()
    order: list[int] = []
    taken_ms: list[float] = []
    start, number, silent_at = time.monotonic(), 0, time.monotonic() + 1.0
    while number < count or time.monotonic() < silent_at:
        if number < count and time.monotonic() >= start + number * GAP_S:
            with contextlib.suppress(BlockingIOError):  # the queue is full while others have the cores: not sent yet
                a.sendto(number.to_bytes(4, "big") + time.monotonic_ns().to_bytes(8, "big") + bytes(88), place_of(b))
                number += 1
            silent_at = time.monotonic() + 1.0
        for one in (a, b):
            try:
                data, sender = one.recvfrom(2048)
            except BlockingIOError:
                continue
            if one is b:
                b.sendto(data, sender)
                continue
            order.append(int.from_bytes(data[:4], "big"))
            times[order[-1]] += 1
            taken_ms.append((time.monotonic_ns() - int.from_bytes(data[4:12], "big")) / 1e6)
            silent_at = time.monotonic() + 1.0
    return times, order, taken_ms


def quickest_tenth(taken_ms: list[float]) -> float:
    return statistics.quantiles(taken_ms, n=10)[0]


def test_a_perfect_wire_carries_a_thousand_packets_a_second_each_way_without_loss(
    lab: Lab, near: Host, wire: Wire
) -> None:
    times, order, taken_ms = echo_loop(near, lab.hosts["far"], 3_000)
    assert (len(times), order) == (3_000, sorted(order))
    assert quickest_tenth(taken_ms) < LATE_MS * figures.beside_others()


def test_a_bad_wire_delays_loses_doubles_and_turns(lab: Lab, near: Host, wire: Wire) -> None:
    wire.set(Impairment(delay_ms=40, loss=0.1, duplicate=0.1, reorder=0.1, reorder_ms=8))
    times, order, taken_ms = echo_loop(near, lab.hosts["far"], COUNT)
    assert min(taken_ms) >= 80
    assert quickest_tenth(taken_ms) < 80 + LATE_MS * figures.beside_others()
    assert len(times) / COUNT == pytest.approx(0.81, abs=0.05)
    assert statistics.mean(times.values()) == pytest.approx(1.2, abs=0.1)
    assert order != sorted(order)


def test_tcp_passes_a_wire_whole_at_its_rate(lab: Lab, near: Host, wire: Wire) -> None:
    far = lab.hosts["far"]
    more = figures.beside_others()  # the wire is a program too
    assert Flow(near, far, far.ip, 20_000_000).finish() > RATE_BYTES_S / more  # and every byte as it was sent
    wire.set(Impairment(rate_bit_s=8 * RATE_BYTES_S, delay_ms=5))
    assert 0.8 * RATE_BYTES_S / more < Flow(near, far, far.ip, 2_000_000).finish() < 1.2 * RATE_BYTES_S


def test_a_cut_wire_carries_nothing_and_a_mended_one_all(lab: Lab, near: Host, wire: Wire) -> None:
    far = lab.hosts["far"]
    wire.set(Impairment(loss=1.0))
    assert near.run(["ping", "-c1", "-W1", str(far.ip)], check=False).returncode == 1
    wire.set(PERFECT)
    near.run(["ping", "-c1", "-W2", str(far.ip)])


def test_a_wire_works_without_root_too(rootless_lab: Lab) -> None:
    lan = rootless_lab.switch()
    near = rootless_lab.host("near", lan)
    far = rootless_lab.host("far", lan, wire=rootless_lab.wire("dsl", Impairment(delay_ms=20)))
    assert "1 received" in near.run(["ping", "-c1", "-W2", str(far.ip)]).stdout
    to, at = near.udp((str(near.ip), 0))[0], far.udp((str(far.ip), 0))[0]
    to.sendto(b"hello", place_of(at))
    assert arrivals([at], HEARD_S) == {at: place_of(to)}
