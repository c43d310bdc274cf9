"""What `/metrics` tells of connections."""

from collections.abc import Iterator

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from regrade.serving.connections.table import REASONS, Connections, Phase


class ConnectionsCollector(Collector):
    """Asked at each scrape: connections come and go far more often."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections

    def collect(self) -> Iterator[Metric]:
        """All series, those among them that count nothing yet."""
        now = GaugeMetricFamily("regrade_connections", "Connections, by what they are at.", labels=["phase"])
        for phase in Phase:
            now.add_metric([phase.value], self._connections.count(phase))
        yield now
        ended = CounterMetricFamily("regrade_connections_closed", "Connections cut off, by why.", labels=["reason"])
        for reason in REASONS:
            ended.add_metric([reason], self._connections.closed[reason])
        yield ended
