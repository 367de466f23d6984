"""Put the gateway together: the one file that names concrete classes.

Duty: settings → parts → `Gateway`. Nothing is loaded and no model runs here; `Gateway.start` does that. Every
part that the settings name must be there: a missing or broken one is a `ConfigurationError`, never a gateway
that runs without it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

from classifiers.batching import MicroBatcher
from classifiers.protocol import Classifier, ClassifierConfigError
from classifiers.registry import ClassifierSpec, load_classifiers, load_factory
from gateway.audit.log import SqliteAuditLog
from gateway.audit.reader import AuditReader
from gateway.audit.sealing import Sealer
from gateway.audit.settings import AuditSettings
from gateway.core.errors import ConfigurationError, PluginError
from gateway.core.policies_in_force import PoliciesInForce
from gateway.core.ports import Embedder, ImageGenerator, Rewriter
from gateway.pipeline.drift import DriftGauge
from gateway.pipeline.judge import Judge
from gateway.pipeline.moderation import Moderator
from gateway.pipeline.rewrite_stage import RewriteStage
from gateway.pipeline.run import Pipeline
from gateway.pipeline.trail import SilentObserver
from gateway.service.gateway import Gateway, Parts
from gateway.service.moderator_alone import ModeratorAlone
from gateway.service.records import Records
from gateway.service.reviewing import build_reviewing
from gateway.service.settings import ComponentSettings, Settings
from gateway.telemetry.metrics import GatewayMetrics
from policies.book import PolicyBook
from policies.errors import PolicyError

REWRITERS = "imagegate.rewriters"
EDIT = "edit"
"""The rule that stands behind every rewriter."""
EMBEDDERS = "imagegate.embedders"
GENERATORS = "imagegate.generators"


def build(settings: Settings, *, on_log_broken: Callable[[str], None] | None = None) -> Gateway:
    """Return the gateway that the settings describe, with its log open and nothing loaded.

    `on_log_broken` is called once, from the log's own thread, when the log can take no record any more: the
    gateway then answers 503, and the process should end.

    Raises:
        ConfigurationError: a part is missing, double, broken, or a policy does not compile.
        AuditCorrupt: the log does not verify against its last signed head.
    """
    return assemble(
        settings,
        classifiers=build_classifiers(settings),
        rewriter=None if settings.rewriter is None else build_rewriter(settings.rewriter),
        generators=build_generators(settings),
        embedder=build_embedder(),
        on_log_broken=on_log_broken,
    )


def assemble(
    settings: Settings,
    *,
    classifiers: Mapping[str, Classifier],
    rewriter: Rewriter | None,
    generators: Mapping[str, ImageGenerator],
    embedder: Embedder,
    on_log_broken: Callable[[str], None] | None = None,
) -> Gateway:
    """Return a gateway of these models; all else is as `build` makes it from the settings.

    Raises:
        ConfigurationError: a policy does not compile.
        AuditCorrupt: the log does not verify against its last signed head.
    """
    cards = {name: classifier.card for name, classifier in classifiers.items()}
    policies = build_policies(settings, classifiers)
    audit = audit_settings(settings)
    log = SqliteAuditLog.open(audit, on_broken=on_log_broken)
    sealer = Sealer.from_file(audit.sealing_key, may_create=False)

    metrics = GatewayMetrics()
    batchers = {name: MicroBatcher(classifier) for name, classifier in classifiers.items()}
    judge = Judge(batchers)
    cutter = rewriter if rewriter is not None and rules_alone(settings) else build_cutter()
    rewriting = RewriteStage(judge, rewriter, cutter=cutter, gauge=DriftGauge(embedder))
    reviewing = build_reviewing(settings.review, audit, sealer=sealer, log=log, policies=policies)
    pipeline = Pipeline(
        judge=judge,
        rewriting=rewriting,
        generators=generators,
        policies=policies,
        log=log,
        observer=metrics,
        holder=reviewing.holder,
        keeps_minors=settings.review.minors_legal_reason is not None,
    )
    moderator = Moderator(
        judge=judge,
        policies=policies,
        cards=cards,
        log=log,
        observer=metrics,
    )
    return Gateway(
        Parts(
            settings=settings,
            pipeline=pipeline,
            moderator=moderator,
            policies=policies,
            cards=cards,
            classifiers=batchers,
            rewriter=rewriter,
            rewriting=rewriting,
            generators=generators,
            log=log,
            reader=Records(AuditReader(audit.database, sealer), log),
            metrics=metrics,
            reviewing=reviewing,
        )
    )


def build_moderator(settings: Settings) -> ModeratorAlone:
    """Return a moderator with its log open and nothing loaded; no rewriter and no generator is built.

    Raises:
        ConfigurationError: a part is missing, double, broken, a policy does not compile, or another process
            writes the log.
        AuditCorrupt: the log does not verify against its last signed head.
    """
    classifiers = build_classifiers(settings)
    policies = build_policies(settings, classifiers)
    log = SqliteAuditLog.open(audit_settings(settings))
    batchers = {name: MicroBatcher(classifier) for name, classifier in classifiers.items()}
    moderator = Moderator(
        judge=Judge(batchers),
        policies=policies,
        cards={name: classifier.card for name, classifier in classifiers.items()},
        log=log,
        observer=SilentObserver(),
    )
    return ModeratorAlone(moderator, batchers, log)


def build_classifiers(settings: Settings) -> dict[str, Classifier]:
    """Return every configured classifier by name, nothing loaded. Raises PluginError."""
    specs = {name: ClassifierSpec(c.type, c.options) for name, c in settings.classifiers.items()}
    try:
        return load_classifiers(specs)
    except ClassifierConfigError as error:
        raise PluginError(str(error)) from error


def build_policies(settings: Settings, classifiers: Mapping[str, Classifier]) -> PoliciesInForce:
    """Return the compiled policies. Raises ConfigurationError with file, line, column and hint."""
    cards = {name: classifier.card for name, classifier in classifiers.items()}
    today = dt.datetime.now(dt.UTC).date()
    folders = [settings.policies.folder] if settings.policies.folder else []
    try:
        policies = PoliciesInForce(
            PolicyBook(cards, folders, today=today), settings.policies.default, settings.policies.low
        )
    except PolicyError as error:
        raise ConfigurationError(str(error)) from error
    return policies


def build_rewriter(component: ComponentSettings) -> Rewriter:
    """Return the configured rewriter, nothing loaded. Raises PluginError or ConfigurationError."""
    rewriter: Rewriter = _made(REWRITERS, component.type, component)
    return rewriter


def build_cutter() -> Rewriter:
    """Return the rule that edits the words at fault away."""
    cutter: Rewriter = _made(REWRITERS, EDIT, ComponentSettings(type=EDIT))
    return cutter


def rules_alone(settings: Settings) -> bool:
    """True when the configured rewriter is that rule itself."""
    return settings.rewriter is not None and settings.rewriter.type == EDIT


def build_embedder() -> Embedder:
    """Return the model that measures drift, nothing loaded."""
    embedder: Embedder = _made(EMBEDDERS, "minilm", ComponentSettings(type="minilm"))
    return embedder


def build_generators(settings: Settings) -> dict[str, ImageGenerator]:
    """Return every configured backend by name, nothing loaded. Raises ConfigurationError."""
    if settings.default_generator not in settings.generators:
        raise ConfigurationError(
            f"default_generator: {settings.default_generator!r} is not among generators; "
            f"name one of: {', '.join(sorted(settings.generators)) or 'none is configured'}."
        )
    return {name: _made(GENERATORS, name, component) for name, component in settings.generators.items()}


def audit_settings(settings: Settings) -> AuditSettings:
    """Return where the log and its keys lie."""
    audit = settings.audit
    return AuditSettings(
        folder=audit.folder or settings.data / "audit",
        origin=audit.origin,
        heads_file=audit.heads_file,
        head_file=audit.head_file,
        key_file=audit.key_file,
        seal_key_file=audit.seal_key_file,
        queue_limit=audit.queue_limit,
    )


def _made(group: str, name: str, component: ComponentSettings) -> Any:
    """Call the one factory of that type; a missing, double or broken one refuses to start."""
    try:
        return load_factory(group, component.type)(name, component.options)
    except ConfigurationError:
        raise
    except ClassifierConfigError as error:
        raise PluginError(f"{group} {name!r}: {error}") from error
    except Exception as error:  # a third party's factory may raise anything: refuse to start
        raise PluginError(
            f"{group} {name!r}: its factory ({component.type}) failed: {type(error).__name__}: {error}"
        ) from error
