"""Options of a rewriter or generator, checked against their form.

Duty: the gateway's own error around what `classifiers.options` finds. It knows no adapter.
"""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import ValidationError

from classifiers.options import OptionsT, wrong_options
from gateway.core.errors import ConfigurationError


def parse_options(model: type[OptionsT], adapter: str, options: Mapping[str, object]) -> OptionsT:
    """Return `options` as `model`; `adapter` is how the message begins, e.g. `generator 'emoji'`.

    Raises:
        ConfigurationError: one line per wrong option, with its place and what was expected, never its value.
    """
    try:
        return model.model_validate(dict(options))
    except ValidationError as error:
        raise ConfigurationError(f"{adapter}: {wrong_options(model, error)}") from error
