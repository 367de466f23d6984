"""Prometheus metrics of the gateway: what is counted, and under which labels.

Duty: own one registry and the few metrics in it. Labels come from closed sets (stage, action, route, status),
never from a prompt, a key, a tenant or a path: a label is public and its values must stay few. It knows no
HTTP framework and no pipeline; both call in here. Nothing here blocks.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from gateway.core.outcomes import Coverage
from policies.decision import Decision, Mode

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

# Judging takes milliseconds, drawing up to minutes: one scale for both, four steps a decade where it matters.
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)


class GatewayMetrics:
    """Counters and histograms; `decision` and `outcome` make it an observer of the pipeline."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry(auto_describe=False)
        self._http = _histogram(
            self.registry, "imagegate_http_request_seconds", "Whole requests.", ("route", "status")
        )
        self._decisions = Counter(
            "imagegate_decisions_total",
            "Decisions by stage and action.",
            ("stage", "action", "degraded"),
            registry=self.registry,
        )
        self._rules = Counter(
            "imagegate_rule_hits_total",
            "Rules that matched, by mode.",
            ("rule", "mode"),
            registry=self.registry,
        )
        self._stages = _histogram(
            self.registry, "imagegate_stage_seconds", "Latency of a decision by stage.", ("stage",)
        )
        self._failures = Counter(
            "imagegate_classifier_failures_total",
            "Classifiers that gave no measurement.",
            ("classifier", "kind"),
            registry=self.registry,
        )
        self._outcomes = _histogram(
            self.registry, "imagegate_outcome_seconds", "Requests by outcome.", ("surface", "outcome")
        )
        self._images = Counter(
            "imagegate_images_total",
            "Pictures that were made, and those of them that a classifier really saw.",
            ("state",),
            registry=self.registry,
        )
        self._uncovered = Counter(
            "imagegate_images_uncovered_total",
            "Pictures that were made and that nobody examined for the category.",
            ("category",),
            registry=self.registry,
        )
        self._closed = Counter(
            "imagegate_connections_closed_total",
            "Connections that the server closed or did not let in.",
            ("reason",),
            registry=self.registry,
        )
        self._made = self._images.labels("made")
        self._inspected = self._images.labels("inspected")
        # The library looks a metric up under a lock and through `str`; sets are closed, so these are few.
        self._http_of = functools.cache(self._http.labels)
        self._decisions_of = functools.cache(self._decisions.labels)
        self._stages_of = functools.cache(self._stages.labels)
        self._outcomes_of = functools.cache(self._outcomes.labels)
        self._uncovered_of = functools.cache(self._uncovered.labels)

    def decision(self, decision: Decision, latency_us: int) -> None:
        """Count one decision with its rule hits and failures; `latency_us` in microseconds."""
        stage = decision.stage.value
        degraded = "yes" if decision.degraded else "no"
        self._decisions_of(stage, decision.action.word, degraded).inc()
        self._stages_of(stage).observe(latency_us / 1e6)
        for hit in decision.rules:
            self._rules.labels(hit.rule, Mode.ENFORCE.value).inc()
        for hit in decision.shadow:
            self._rules.labels(hit.rule, Mode.SHADOW.value).inc()
        for failure in decision.findings.failures:
            self._failures.labels(failure.classifier, failure.kind.value).inc()

    def outcome(self, surface: str, outcome: str, latency_us: int, coverage: Coverage) -> None:
        """Count one finished request and how many of its pictures were seen."""
        self._outcomes_of(surface, outcome).observe(latency_us / 1e6)
        self._made.inc(coverage.images_total)
        self._inspected.inc(coverage.images_inspected)
        for category in coverage.uncovered:
            self._uncovered_of(category).inc(coverage.images_total)

    def http(self, route: str, status: int, seconds: float) -> None:
        """Count one HTTP request; `route` is the template, never the address that was asked for."""
        self._http_of(route, str(status)).observe(seconds)

    def closed_connection(self, reason: str, times: int = 1) -> None:
        """Count a connection that the server closed; `reason` is one of a closed set."""
        self._closed.labels(reason).inc(times)

    def watch(self, name: str, text: str, read: Callable[[], float]) -> None:
        """Show a value that is read only when the metrics are asked for."""
        Gauge(f"imagegate_{name}", text, registry=self.registry).set_function(read)

    def watch_each(self, name: str, text: str, label: str, read: Callable[[], Mapping[str, float]]) -> None:
        """Show one value per label, read only when the metrics are asked for."""
        self.registry.register(_Reading(f"imagegate_{name}", text, label, read))

    def render(self) -> bytes:
        """The text exposition format, version 0.0.4."""
        return generate_latest(self.registry)


class _Reading(Collector):
    """A gauge family whose values live elsewhere."""

    def __init__(self, name: str, text: str, label: str, read: Callable[[], Mapping[str, float]]) -> None:
        self._name, self._text, self._label, self._read = name, text, label, read

    def collect(self) -> list[GaugeMetricFamily]:
        """Read the values now."""
        family = GaugeMetricFamily(self._name, self._text, labels=[self._label])
        for key, value in self._read().items():
            family.add_metric([key], value)
        return [family]


def _histogram(registry: CollectorRegistry, name: str, text: str, labels: tuple[str, ...]) -> Histogram:
    return Histogram(name, text, labels, buckets=_SECONDS, registry=registry)
