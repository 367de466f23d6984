"""Settings: what an operator believes to have set is set, refused or told."""

from __future__ import annotations

import pytest

from gateway.core.errors import ConfigurationError
from gateway.service.settings import load_settings, variables_without_effect


def test_a_variable_that_names_no_setting_is_told() -> None:
    """A mistyped name and a single underscore are named; settings and the other variables are not."""
    idle = ("IMAGEGATE_KEYSFILE", "IMAGEGATE_SERVER_PORT")
    names = ("IMAGEGATE_KEYS_FILE", "IMAGEGATE_SERVER__PORT", "imagegate_data", "IMAGEGATE_CACHE", "PATH")
    assert variables_without_effect([*names, *idle, "IMAGEGATE_CONFIG"]) == idle


def test_an_unknown_key_in_a_variable_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Below a known key a mistyped one is an error that names it."""
    monkeypatch.setenv("IMAGEGATE_SERVER__PROT", "9000")
    with pytest.raises(ConfigurationError, match=r"server\.prot"):
        load_settings()


def test_a_variable_wins_over_the_default_and_a_flag_over_both(monkeypatch: pytest.MonkeyPatch) -> None:
    """Flags over the environment over the defaults."""
    monkeypatch.setenv("IMAGEGATE_SERVER__PORT", "9000")
    assert load_settings().server.port == 9000
    assert load_settings(overrides={"server.port": 9001}).server.port == 9001
