"""What an operator can set: one YAML file, `IMAGEGATE_*` variables over it, flags over both.

Duty: names, types, ranges and defaults. It opens no model and makes no folder. Unknown keys are refused.
The defaults describe the embedded set: everything runs offline from what `make install` brings.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from gateway.core.errors import ConfigurationError
from policies.errors import PolicyError
from policies.loader import parse_document, read_text

_PREFIX = "IMAGEGATE_"
_STRICT = ConfigDict(extra="forbid", frozen=True)


class ComponentSettings(BaseModel):
    """A classifier, rewriter or generator: its type (an entry-point name) and that adapter's own options."""

    model_config = _STRICT
    type: str = Field(description="Entry-point name of the adapter; see `imagegate models list`.")
    options: dict[str, Any] = Field(default_factory=dict, description="The adapter's own options.")


class DoorSettings(BaseModel):
    """Connections: how many, how large a request's head, and how long each part may take."""

    model_config = _STRICT
    max_connections: int = Field(
        1000, ge=1, description="Open connections in all; one that waits makes room for a new one."
    )
    max_connections_per_address: int = Field(
        250, ge=1, description="The same from one address (IPv6: one /64); a proxy is one address."
    )
    max_head_bytes: int = Field(16_384, ge=1024, description="Largest request line and headers, else 431.")
    max_headers: int = Field(100, ge=1, description="Most headers of a request, else 431.")
    max_pipelined: int = Field(8, ge=1, description="Requests waiting behind the first on one connection.")
    first_byte_timeout_s: float = Field(10.0, gt=0, description="From connecting to the first byte, seconds.")
    head_timeout_s: float = Field(10.0, gt=0, description="From a head's first byte to its end, seconds.")
    body_timeout_s: float = Field(30.0, gt=0, description="From the head to the body's end, seconds.")
    idle_timeout_s: float = Field(75.0, gt=0, description="From an answer to the next request, seconds.")
    write_timeout_s: float = Field(
        30.0, gt=0, description="In which a client must take 1 MB of its answer, or the rest, seconds."
    )


class ServerSettings(BaseModel):
    """The HTTP server and its limits."""

    model_config = _STRICT
    host: str = Field("127.0.0.1", description="Address to bind; without a key file only loopback.")
    port: int = Field(8080, ge=0, le=65535, description="Port; 0 takes a free one.")
    public_url: str | None = Field(None, description="Base of picture URLs when behind a proxy.")
    max_body_bytes: int = Field(1_000_000, ge=1024, description="Largest JSON body without pictures.")
    max_image_body_bytes: int = Field(32_000_000, ge=1024, description="Largest body with pictures.")
    max_concurrent: int = Field(16, ge=1, description="Image requests worked on at once.")
    max_queued: int = Field(64, ge=0, description="Image requests waiting; beyond it 503 at once.")
    max_held_bytes: int = Field(
        256_000_000,
        ge=1_000_000,
        description="Bodies, decoded pictures and answers in memory, of all requests; beyond it 503.",
    )
    max_audit_readers: int = Field(
        4, ge=1, description="Reads of the log at once over HTTP; four times as many wait, beyond it 503."
    )
    request_timeout_s: float = Field(120.0, gt=0, description="Whole time of one request, seconds.")
    drain_s: float = Field(60.0, ge=0, description="Time to finish accepted work at shutdown, seconds.")
    image_url_ttl_s: int = Field(3600, ge=1, description="Life of a picture's URL, seconds.")
    door: DoorSettings = Field(default_factory=DoorSettings)


class PolicySettings(BaseModel):
    """Which policy decides."""

    model_config = _STRICT
    default: str = Field("default", description="Policy of callers whose key names none.")
    low: str | None = Field(None, description="Policy for `moderation: low`; absent = that is refused.")
    folder: Path | None = Field(None, description="Operator's own policies, over the library's.")


class RewriterSettings(ComponentSettings):
    """The rewriter."""

    moved_keys: ClassVar[Mapping[str, str]] = {
        "timeout_ms": "the policy says it now: rewrite: {mode: safety, timeout_ms: 30000}"
    }


class AuditSection(BaseModel):
    """Where the log and its keys lie."""

    model_config = _STRICT
    folder: Path | None = Field(None, description="Log folder; default DATA/audit.")
    origin: str = Field("imagegate.local/log", description="Name of this log in its checkpoints.")
    heads_file: Path | None = Field(None, description="Append-only copy of signed heads, elsewhere.")
    head_file: Path | None = Field(
        None, description="The last signed head alone; default beside the signing key."
    )
    key_file: Path | None = Field(None, description="Signing key, 0600; default in DATA/audit-keys.")
    seal_key_file: Path | None = Field(None, description="Sealing key, 0600; default in DATA/audit-keys.")
    queue_limit: int = Field(4096, ge=1, description="Records waiting to be written; beyond it 503.")


class WebhookSettings(BaseModel):
    """One receiver of events. `secret_file` holds at least 16 bytes; they sign what is sent."""

    model_config = _STRICT
    url: str = Field(description="Where to send; https.")
    secret_file: Path = Field(description="File with the secret, readable by its owner alone.")
    events: tuple[Literal["held", "released", "refused", "appeal"], ...] = Field(
        ("held", "released", "refused", "appeal"), description="Which events."
    )
    tenant: str | None = Field(None, description="One tenant's events alone.")


class ReviewSection(BaseModel):
    """Reviewing: where it lies, how much is kept, how a reviewer works."""

    model_config = _STRICT
    file: Path | None = Field(None, description="Review database; default `review.sqlite` beside the log.")
    max_kept_bytes: int = Field(
        2_000_000_000,
        ge=0,
        description="Most that is kept for reviewers; the oldest goes first, never what a hold needs.",
    )
    lock_minutes: float = Field(10.0, gt=0, description="How long an opened case is its reviewer's.")
    undo_s: float = Field(10.0, ge=0, description="How long an act can be undone; then its effect leaves.")
    minors_legal_reason: str | None = Field(
        None,
        min_length=20,
        description="Why pictures that a lock on minors caught may be kept and labelled, in writing; "
        "without it none is.",
    )
    answer_days: int = Field(7, ge=1, le=90, description="How long a released request can be fetched, days.")
    webhooks: dict[str, WebhookSettings] = Field(
        default_factory=dict, description="Receivers by name: `url`, `secret_file`, `events`, `tenant` each."
    )
    allow_private_webhooks: bool = Field(
        False, description="Whether webhooks may go to private addresses and without encryption."
    )


def _embedded_classifiers() -> dict[str, ComponentSettings]:
    texts = ("wordlist", "prompt-safety", "minor-cues", "language")
    pictures = ("opennsfw", "nsfw-inception", "picture-concepts")
    return {name: ComponentSettings(type=name) for name in (*texts, *pictures)}


def _embedded_generators() -> dict[str, ComponentSettings]:
    return {"emoji": ComponentSettings(type="emoji")}


class SettingsForm(BaseModel):
    """All settings as a file holds them; docs/settings.md lists each key with its default."""

    model_config = _STRICT
    data: Path = Field(Path("var"), description="Data folder: log, keys, pictures, caches.")
    keys_file: Path | None = Field(None, description="API keys; absent = open, loopback only.")
    server: ServerSettings = Field(default_factory=ServerSettings)
    policies: PolicySettings = Field(default_factory=PolicySettings)
    audit: AuditSection = Field(default_factory=AuditSection)
    review: ReviewSection = Field(default_factory=ReviewSection)
    classifiers: dict[str, ComponentSettings] = Field(
        default_factory=_embedded_classifiers, description="Classifiers by name: `type` and `options` each."
    )
    rewriter: RewriterSettings | None = Field(
        default_factory=lambda: RewriterSettings(type="edit"),
        description="`type` and `options`; null = none: rewrites block.",
    )
    generators: dict[str, ComponentSettings] = Field(
        default_factory=_embedded_generators, description="Image backends by name: `type` and `options` each."
    )
    default_generator: str = Field("emoji", description="Backend of requests that name no model.")

    @property
    def images_folder(self) -> Path:
        """Pictures that are served by URL."""
        return self.data / "images"


class Settings(SettingsForm, BaseSettings):
    """The settings in force: flags over the environment over the file over the defaults."""

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX, env_nested_delimiter="__", extra="forbid", frozen=True
    )


_OTHER_VARIABLES = frozenset({"IMAGEGATE_CONFIG", "IMAGEGATE_CACHE"})
"""Read elsewhere: by the command line, and by `classifiers.weights`."""


def variables_without_effect(environment: Iterable[str]) -> tuple[str, ...]:
    """Return the variables that look like a setting's and are none, sorted.

    They can't be refused: Kubernetes sets such names by itself for a service called imagegate. An unknown key
    below a known one (`IMAGEGATE_SERVER__PROT`) is refused by `load_settings`.
    """
    known = SettingsForm.model_fields.keys()
    return tuple(
        sorted(
            name
            for name in environment
            if name.upper().startswith(_PREFIX)
            and name not in _OTHER_VARIABLES
            and name.upper().removeprefix(_PREFIX).partition("__")[0].lower() not in known
        )
    )


def load_settings(config: Path | None = None, overrides: Mapping[str, object] | None = None) -> Settings:
    """Return the settings: `overrides` over the environment over a YAML file over the defaults.

    `overrides` holds dotted names (`server.port`) and their values; None values are left out.

    Raises:
        ConfigurationError: names every key at fault and what is wrong with it.
    """
    in_file = {} if config is None else _read(config)

    class _Layered(Settings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return (init_settings, env_settings, InitSettingsSource(settings_cls, in_file))

    try:
        return _Layered(**_nested(overrides or {}))
    except ValidationError as error:
        lines = [
            f"{'.'.join(map(str, item['loc']))}: {item['msg']}"
            for item in error.errors(include_input=False, include_url=False)
        ]
        place = f" ({config})" if config else ""
        raise ConfigurationError("\n".join([f"The settings{place} are wrong:", *lines])) from error


def _read(config: Path) -> dict[str, Any]:
    """Return the file's content once its form is right, so that a mistake is shown with line and caret."""
    try:
        loaded = parse_document(read_text(config), str(config), SettingsForm)
    except PolicyError as error:
        raise ConfigurationError(str(error)) from error
    return dict(loaded.tree.value) if isinstance(loaded.tree.value, Mapping) else {}


def _nested(dotted: Mapping[str, object]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for name, value in dotted.items():
        if value is None:
            continue
        *parents, leaf = name.split(".")
        node = tree
        for part in parents:
            node = node.setdefault(part, {})
        node[leaf] = value
    return tree


def settings_json_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a settings file, for editors."""
    schema = SettingsForm.model_json_schema()
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "imagegate settings",
    }


def settings_table() -> str:
    """Return every setting with its default and description as a Markdown table, for docs/settings.md."""
    rows = ["| key | default | meaning |", "|---|---|---|"]
    return "\n".join(
        rows + [f"| `{key}` | {default} | {text} |" for key, default, text in _rows(SettingsForm())]
    )


def _rows(model: BaseModel, prefix: str = "") -> Iterator[tuple[str, str, str]]:
    for name, field in type(model).model_fields.items():
        value = getattr(model, name)
        if isinstance(value, BaseModel) and not isinstance(value, ComponentSettings):
            yield from _rows(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", _default(value), field.description or ""


def _default(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, ComponentSettings):
        return f"type `{value.type}`"
    if isinstance(value, dict):
        return ", ".join(f"`{name}`" for name in value)
    return f"`{value}`"
