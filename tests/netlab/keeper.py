"""The process that holds a lab's namespaces, and ends them when the lab's maker ends.

A lab lives in one private mount namespace (and, without root, in one user namespace) whose /run is a tmpfs of its
own. The keeper is a shell in there that waits for its standard input to close. That happens when the lab is closed, and
also when the process that made the lab is killed: then the keeper kills what still runs in the lab's hosts and ends,
and with its mount namespace the kernel drops every network namespace, veth, bridge and nftables table. So cleaning up
needs nobody's `finally`.

Commands enter by `nsenter` and `ip netns exec`, which both exec: the pid of the child we started is the program's own.
"""

import select
import shutil
import subprocess

START_S = 60.0  # an unshare, a mount and three execs; far more than a loaded machine needs
END_S = 60.0  # killing what runs in the hosts

_SCRIPT = """
mount -t tmpfs tmpfs /run || exit 1
mkdir -p /run/netns || exit 1
ip link set lo up || exit 1
# switches speak no IP: what a capture shows is what the hosts said
echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6
echo ready
read -r _
for name in $(ls /run/netns); do
  for pid in $(ip netns pids "$name" 2>/dev/null); do kill -9 "$pid" 2>/dev/null; done
done
exit 0
"""


class LabUnavailable(Exception):  # noqa: N818 - a state of this machine, not an error of ours
    """This machine cannot make network namespaces; the text says what is missing."""


class Keeper:
    """One lab's mount namespace (and user namespace), with a network namespace in which the switches are."""

    def __init__(self, *, user_namespace: bool) -> None:
        """`user_namespace`: be root in one of its own, which needs no right outside."""
        missing = [program for program in ("unshare", "nsenter", "ip", "nft", "sh") if not shutil.which(program)]
        if missing:
            raise LabUnavailable(f"not installed: {' '.join(missing)} (Debian: util-linux iproute2 nftables)")
        self._user = user_namespace
        self._child = subprocess.Popen(
            ["unshare", "-Urnm" if self._user else "-nm", "sh", "-c", _SCRIPT],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._child.stdout is not None
        readable, _, _ = select.select([self._child.stdout], [], [], START_S)
        if not readable or self._child.stdout.readline() != "ready\n":
            self._child.kill()
            _, reason = self._child.communicate(timeout=START_S)
            raise LabUnavailable(f"no namespaces for us here: {reason.strip() or 'unshare gave no answer'}")

    @property
    def pid(self) -> int:
        """Of the keeper; `nsenter -t PID -m -n` leads into the lab while it lives."""
        return self._child.pid

    def enter(self) -> list[str]:
        """The words that put a command into the lab's namespaces (of its switches, not of a host)."""
        user = ["-U", "--preserve-credentials"] if self._user else []
        return ["nsenter", "-t", str(self.pid), *user, "-m", "-n", "--"]

    def run(self, *argv: str, stdin: str = "", timeout_s: float = 60.0) -> str:
        """Run a short command beside the switches, give its output; RuntimeError with its words if it failed."""
        done = subprocess.run(
            [*self.enter(), *argv], input=stdin, capture_output=True, text=True, timeout=timeout_s, check=False
        )
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(argv)}: {done.stderr.strip() or done.returncode}\n{stdin}")
        return done.stdout

    def ip_batch(self, *lines: str) -> None:
        """Several `ip` commands (without the word `ip`) beside the switches, in one process."""
        self.run("ip", "-batch", "-", stdin="\n".join(lines) + "\n")

    def close(self) -> None:
        """End everything in the lab, and wait until it has ended."""
        if self._child.poll() is None:
            assert self._child.stdin is not None
            self._child.stdin.close()
            try:
                self._child.wait(END_S)
            except subprocess.TimeoutExpired:
                self._child.kill()
                self._child.wait(END_S)
        for stream in (self._child.stdin, self._child.stdout, self._child.stderr):
            if stream is not None:
                stream.close()
