"""The engine's face is tested on real links: on hosts of the lab."""

from tests.netlab.conftest import lab

__all__ = ["lab"]
