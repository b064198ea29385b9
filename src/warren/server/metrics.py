"""What this process counts, for Prometheus. Served on the admin socket and `--metrics-listen` only.

Must not know who is counted: labels are codes and kinds from closed lists, never names, addresses or keys.
"""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """The counters of one server. Each has its own registry, so that two in one test process do not meet."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.sessions = Gauge("warren_sessions", "Nodes with an open session", registry=self._registry)
        self.sessions_ended = Counter(
            "warren_sessions_ended", "Sessions that ended, by code", ["code"], registry=self._registry
        )
        self.joins = Counter("warren_joins", "Admissions, by outcome", ["code"], registry=self._registry)
        self.join_seconds = Histogram(
            "warren_join_seconds",
            "From a proved join to its commit",
            buckets=(0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0),
            registry=self._registry,
        )
        self.maps = Counter("warren_maps_sent", "Maps sent, whole or difference", registry=self._registry)
        self.signals = Counter("warren_signals", "Sealed signals, by outcome", ["outcome"], registry=self._registry)
        self.records = Counter(
            "warren_records", "Published node records, by outcome", ["code"], registry=self._registry
        )
        self.requests = Counter("warren_http_requests", "REST answers, by status", ["status"], registry=self._registry)

    def add_gauges(self, read: "GaugeReader") -> None:
        """Let `read` be asked for further gauges whenever somebody scrapes."""
        self._registry.register(read)

    def text(self) -> bytes:
        """Everything, in Prometheus' text format."""
        return generate_latest(self._registry)


class GaugeReader(Collector):
    """Gauges that another part knows (the front's connection counts)."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._values: dict[str, float] = {}

    def set(self, values: dict[str, float]) -> None:
        """Replace the values; names are lower-case words joined by '_'."""
        self._values = dict(values)

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Yield a gauge for each value."""
        for name, value in sorted(self._values.items()):
            yield GaugeMetricFamily(f"{self._prefix}_{name}", f"{self._prefix} {name}", value=value)

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """Nothing is known before it is set."""
        return ()
