"""The extra that measuring needs, asked for before any model runs."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Final

from gateway.core.errors import ConfigurationError

_NEEDED: Final = {"sklearn": "scikit-learn", "scipy": "scipy", "matplotlib": "matplotlib"}


def require_extra() -> None:
    """Return when scikit-learn, scipy and matplotlib are there.

    Raises:
        ConfigurationError: one is missing; the message says how to install it.
    """
    missing = [package for module, package in _NEEDED.items() if find_spec(module) is None]
    if missing:
        raise ConfigurationError(
            f"`imagegate eval` needs {', '.join(missing)}; install the extra: "
            "pip install 'imagegate[evaluation]'"
        )
