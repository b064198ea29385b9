"""A cable of the lab that is as bad as told: a namespace between a switch and an interface, with `forwarder.py` in it.

    wire = lab.wire("dsl", Impairment(delay_ms=20, loss=0.01))
    far = lab.host("far", internet, wire=wire)
    wire.set(Impairment(delay_ms=20))

The kernel here has no netem; this passes some 20,000 small frames a second.
"""

import json
import os
import select
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

from tests.netlab import offloads
from tests.netlab.host import Host
from tests.netlab.impairment import Impairment
from tests.netlab.keeper import Keeper
from tests.netlab.switch import Switch

ANSWER_S = 30.0  # a Python start on a loaded machine
END_S = 5.0


class Wire(Host):
    """Made by `Lab.wire`, used once."""

    def __init__(
        self, keeper: Keeper, namespace: str, name: str, folder: Path, impairment: Impairment, *, seed: int
    ) -> None:
        super().__init__(keeper, namespace, name, folder)
        self.impairment = impairment
        self._seed = seed
        self._child: subprocess.Popen[str] | None = None

    def lay(self, switch: Switch, namespace: str, interface: str) -> None:
        """Join the switch with a new interface of that namespace, and begin to carry."""
        assert self._child is None, "a wire has two ends"
        self.sysctl("net/ipv6/conf/all/disable_ipv6", "1")  # the wire itself says nothing
        port = switch.plug(self.namespace, "left")
        self._keeper.run(sys.executable, "-I", "-S", str(offloads.__file__), port)
        self.ip_batch(
            f"link add right type veth peer name {interface} netns {namespace}",
            "link set left up promisc on",
            "link set right up promisc on",
        )
        self._child = subprocess.Popen(
            [*self.enter(), sys.executable, "-m", "tests.netlab.forwarder", "left", "right", str(self._seed)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2], env=os.environ,
        )  # fmt: skip
        self._answer("ready")
        self.set(self.impairment)

    def set(self, impairment: Impairment) -> None:
        """Be as bad as this from here on, both ways; what is on its way stays on it."""
        assert self._child is not None
        assert self._child.stdin is not None
        self.impairment = impairment
        self._child.stdin.write(json.dumps(asdict(impairment)) + "\n")
        self._child.stdin.flush()
        self._answer("set")

    def end(self) -> None:
        """Carry no more."""
        super().end()
        if self._child is None:
            return
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._child.stdin.close()
        try:
            self._child.wait(END_S)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait(END_S)
        self._child.stdout.close()

    def _answer(self, word: str) -> None:
        assert self._child is not None
        assert self._child.stdout is not None
        readable, _, _ = select.select([self._child.stdout], [], [], ANSWER_S)
        said = self._child.stdout.readline() if readable else ""
        if said != f"{word}\n":
            raise RuntimeError(f"the forwarder of {self.name} said {said!r} where {word!r} was due")
