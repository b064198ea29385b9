"""The lab itself: hosts reach each other as drawn, programs and namespaces end, captures and snapshots see all."""

import os
import signal
import subprocess
import sys
from ipaddress import ip_address
from pathlib import Path

import pytest
from tests.netlab import nat
from tests.netlab.lab import Lab
from tests.netlab.packet import ICMP, ICMPV6, UDP
from tests.netlab.until import until

pytestmark = pytest.mark.netlab

_SERVE_UDP = """
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("0.0.0.0", 7000))
print("ready", flush=True)
while True:
    data, sender = s.recvfrom(2048)
    print("from", sender[0], flush=True)
    s.sendto(data, sender)
"""
_ASK_UDP = """
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(3)
s.sendto(b"hello", (sys.argv[1], 7000))
print(s.recv(100).decode())
"""


def test_two_hosts_on_a_switch_reach_each_other_by_ipv4_and_ipv6(lab: Lab) -> None:
    lan = lab.switch()
    a, b = lab.host("a", lan), lab.host("b", lan, offload=False)
    a.run(["ping", "-c1", "-W2", str(b.ip)])
    a.run(["ping", "-c1", "-W2", str(b.ip6)])


def test_a_home_nat_lets_out_hides_the_inside_and_lets_nobody_in(lab: Lab) -> None:
    internet = lab.switch(v4="203.0.113.0/24", v6="2001:db8::/64")
    flat = lab.switch(v4="192.168.1.0/24")
    router = lab.router("router", wan=internet, lan=flat, nat=nat.home)
    server, laptop = lab.host("server", internet), lab.host("laptop", flat)
    service = server.start([sys.executable, "-c", _SERVE_UDP])
    service.wait_for("ready")
    answer = laptop.run([sys.executable, "-c", _ASK_UDP, str(server.ip)])
    assert answer.stdout == "hello\n"
    assert service.wait_for("from") == f"from {router.ip}"
    server.ip_batch(f"route add {flat.v4} via {router.ip}")
    assert server.run(["ping", "-c1", "-W1", str(laptop.ip)], check=False).returncode == 1
    laptop.run(["ping", "-c1", "-W2", str(server.ip6)])
    assert server.run(["ping", "-c1", "-W1", str(laptop.ip6)], check=False).returncode == 1


def test_a_plain_router_passes_both_ways_also_to_hosts_that_came_first(lab: Lab) -> None:
    left, right = lab.switch(), lab.switch()
    a, b = lab.host("a", left), lab.host("b", right)
    lab.router("r", wan=left, lan=right)
    a.run(["ping", "-c1", "-W2", str(b.ip)])
    b.run(["ping", "-c1", "-W2", str(a.ip6)])


def test_a_lab_without_root_has_nats_captures_and_tuns_too(rootless_lab: Lab) -> None:
    internet, flat = rootless_lab.switch(), rootless_lab.switch()
    router = rootless_lab.router("router", wan=internet, lan=flat, nat=nat.home)
    server, laptop = rootless_lab.host("server", internet), rootless_lab.host("laptop", flat, offload=False)
    with server.capture() as capture:
        laptop.run(["ping", "-c1", "-W2", str(server.ip)])
    assert {packet.source for packet in capture.packets if packet.protocol == ICMP} == {router.ip, server.ip}
    before = laptop.snapshot()
    laptop.run(["ip", "tuntap", "add", "dev", "tun0", "mode", "tun"])
    assert any("tun0" in line for line in before.difference(laptop.snapshot()))


def test_a_capture_holds_every_packet_sent_within_its_block(lab: Lab) -> None:
    lan = lab.switch()
    a, b = lab.host("a", lan), lab.host("b", lan)
    flood = (
        "import socket, sys\n"
        "s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
        "for n in range(3000): s.sendto(n.to_bytes(4, 'big'), (sys.argv[1], 9))\n"
    )
    with b.capture("eth0") as capture:
        a.run([sys.executable, "-c", flood, str(b.ip)])
        a.run(["ping", "-c1", "-W2", str(b.ip6)])
    numbers = [
        int.from_bytes(packet.payload, "big")
        for packet in capture.packets
        if packet.protocol == UDP and packet.destination_port == 9
    ]
    assert numbers == list(range(3000))
    assert ICMPV6 in {packet.protocol for packet in capture.packets}
    assert {packet.source for packet in capture.packets if packet.protocol == UDP} == {a.ip}


def test_a_capture_of_a_missing_interface_says_so(lab: Lab) -> None:
    a = lab.host("a", lab.switch())
    with pytest.raises(RuntimeError, match="No such device"), a.capture("nope"):
        pass


def test_a_cut_link_carries_nothing_and_a_joined_one_everything_again(lab: Lab) -> None:
    internet, flat = lab.switch(), lab.switch()
    lab.router("router", wan=internet, lan=flat)
    a, b = lab.host("a", flat), lab.host("b", internet)
    before = a.snapshot()
    a.link_down()
    assert a.run(["ping", "-c1", "-W1", str(b.ip)], check=False).returncode != 0
    a.link_up()
    a.run(["ping", "-c1", "-W2", str(b.ip)])
    a.run(["ping", "-c1", "-W2", str(b.ip6)])
    assert before.difference(a.snapshot()) == []


def test_a_snapshot_names_every_kind_of_leftover(lab: Lab) -> None:
    a = lab.host("a", lab.switch())
    before = a.snapshot()
    assert before.difference(a.snapshot()) == []
    a.ip_batch(
        "link add left type bridge",
        "addr add 100.96.0.1/32 dev left",
        "route add blackhole 100.96.0.0/16 metric 4278198272",
        "rule add from 100.96.0.1 lookup 77",
    )
    a.nft("table inet leftover { chain c { type filter hook input priority 0; counter; }; }")
    a.run(["sh", "-c", "echo 1 >/proc/sys/net/ipv4/ip_forward"])
    difference = before.difference(a.snapshot())
    for trace in ("left", "100.96.0.1", "blackhole", "77", "leftover", "ip_forward"):
        assert any(line.startswith("+") and trace in line for line in difference), trace
    assert any(line.startswith("- sysctl") and "ip_forward:0" in line for line in difference)


def test_a_started_program_has_its_own_pid_and_dies_by_it(lab: Lab) -> None:
    a = lab.host("a", lab.switch())
    program = a.start(["sleep", "600"])
    until(lambda: Path(f"/proc/{program.pid}/cmdline").read_bytes().startswith(b"sleep"), "the pid is that of sleep")
    assert a.pids() == {program.pid}
    program.kill()
    assert not program.running
    assert program.wait(1) == -signal.SIGKILL


def test_a_program_that_never_says_the_word_is_told_with_its_log(lab: Lab) -> None:
    a = lab.host("a", lab.switch())
    program = a.start(["sh", "-c", "echo it said this; sleep 600"])
    program.wait_for("it said this")
    with pytest.raises(TimeoutError, match="it said this"):
        program.wait_for("something else", timeout_s=0.5)
    with pytest.raises(RuntimeError, match=r"ended \(3\)"):
        a.start(["sh", "-c", "exit 3"]).wait_for("anything")


def test_closing_a_lab_ends_programs_that_detached_themselves(tmp_path: Path) -> None:
    with Lab() as lab:
        a = lab.host("a", lab.switch())
        a.run(["sh", "-c", "setsid -f sleep 600 >/dev/null 2>&1"])
        pids = a.pids()
        assert len(pids) == 1
    until(lambda: all(_ended(pid) for pid in pids), "what was killed is gone")
    assert not lab.folder.exists()


def test_a_lab_ends_when_the_process_that_made_it_is_killed() -> None:
    script = (
        "import os, signal, time\n"
        "from tests.netlab.lab import Lab\n"
        "lab = Lab()\n"
        "program = lab.host('a', lab.switch()).start(['sleep', '600'])\n"
        "print(lab._keeper.pid, program.pid, lab.folder, flush=True)\n"
        "time.sleep(600)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as maker:
        assert maker.stdout is not None
        keeper, program, folder = maker.stdout.readline().split()
        maker.kill()
    until(lambda: _ended(int(keeper)) and _ended(int(program)), "the lab ends with its maker")
    for log in Path(folder).iterdir():
        log.unlink()
    Path(folder).rmdir()


def _ended(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    try:
        return "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return True


def test_addresses_are_of_the_switch(lab: Lab) -> None:
    lan = lab.switch(v4="198.51.100.0/24", v6="2001:db8:5::/64")
    a, b = lab.host("a", lan), lab.host("b", lan)
    assert (a.ip, b.ip6) == (ip_address("198.51.100.10"), ip_address("2001:db8:5::b"))
    with a.capture() as capture:
        b.run(["ping", "-c1", "-W2", str(a.ip)])
    assert ICMP in {packet.protocol for packet in capture.packets}
