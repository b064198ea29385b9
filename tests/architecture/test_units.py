"""The systemd units: hardened as SECURITY.md, rule 43 says, and by systemd's own judgement where it is installed."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from warren import limits

UNITS = Path(__file__).resolve().parents[2] / "deploy" / "systemd"
SERVER = UNITS / "warren-server.service"
DAEMON = UNITS / "warren-daemon.service"

BOTH = {
    "NoNewPrivileges=yes",
    "LockPersonality=yes",
    "MemoryDenyWriteExecute=yes",
    "PrivateTmp=yes",
    "ProtectClock=yes",
    "ProtectControlGroups=yes",
    "ProtectHome=yes",
    "ProtectHostname=yes",
    "ProtectKernelLogs=yes",
    "ProtectKernelModules=yes",
    "ProtectProc=invisible",
    "ProtectSystem=strict",
    "RestrictNamespaces=yes",
    "RestrictRealtime=yes",
    "RestrictSUIDSGID=yes",
    "SystemCallArchitectures=native",
    "SystemCallFilter=@system-service",
    "UMask=0077",
    "DevicePolicy=closed",
    "Restart=on-failure",
    "WantedBy=multi-user.target",
}
ONLY_SERVER = {
    "DynamicUser=yes",
    "CapabilityBoundingSet=CAP_NET_BIND_SERVICE",
    "AmbientCapabilities=CAP_NET_BIND_SERVICE",
    "PrivateDevices=yes",
    "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6",
    "SystemCallFilter=~@privileged @resources",
    "StateDirectory=warren-server",
    "KillMode=mixed",
}
ONLY_DAEMON = {
    "CapabilityBoundingSet=CAP_NET_ADMIN",
    "DeviceAllow=/dev/net/tun rw",
    "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK",
    "StateDirectory=warren",
    "RuntimeDirectory=warren",
}


def settings(unit: Path) -> list[str]:
    """The unit's `Key=Value` lines; a line that is none of those, no section, comment or blank is an error."""
    lines = [line for line in unit.read_text("utf-8").splitlines() if line and not line.startswith("#")]
    assert [line for line in lines if not re.fullmatch(r"\[\w+\]|[A-Z]\w+=.*", line)] == []
    return [line for line in lines if "=" in line]


@pytest.mark.parametrize(("unit", "own"), [(SERVER, ONLY_SERVER), (DAEMON, ONLY_DAEMON)])
def test_a_unit_holds_every_line_that_hardens_it(unit: Path, own: set[str]) -> None:
    assert sorted((BOTH | own) - set(settings(unit))) == []


def test_each_unit_runs_its_program() -> None:
    assert "ExecStart=/usr/bin/warren server" in settings(SERVER)
    starts = [line for line in settings(DAEMON) if line.startswith("ExecStart=")]
    assert len(starts) == 1
    assert starts[0].startswith("ExecStart=/usr/bin/warren daemon")


def test_the_server_may_open_as_many_descriptors_as_its_front_wants() -> None:
    allowed = next(int(line.partition("=")[2]) for line in settings(SERVER) if line.startswith("LimitNOFILE="))
    assert allowed >= 2 * limits.FRONT_CONNECTIONS_MAX + limits.FRONT_RESERVED_DESCRIPTORS


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
@pytest.mark.parametrize(("unit", "most_tenths"), [(SERVER, 25), (DAEMON, 40)])
def test_systemd_itself_calls_a_unit_well_protected(unit: Path, most_tenths: int, tmp_path: Path) -> None:
    copy = tmp_path / unit.name
    copy.write_text(unit.read_text("utf-8"), "utf-8")
    judged = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", f"--threshold={most_tenths}", str(copy)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert judged.returncode == 0, judged.stdout + judged.stderr
    assert "Overall exposure level" in judged.stdout
