"""SIGHUP: the policy files are read again while the server serves; a wrong one changes nothing."""

from __future__ import annotations

import json
import signal
import time
import urllib.request
from pathlib import Path

from support.servers import LIGHT_POLICY, Served, light_settings, running_gateway


def test_policies_are_read_again_on_sighup(tmp_path: Path) -> None:
    """A right file serves at once, a wrong one leaves the policy in force, and both are on record."""
    folder = tmp_path / "policies"
    with running_gateway(tmp_path, light_settings("http://127.0.0.1:9", folder)) as served:
        before = _judged_by(served)
        (folder / "light.yaml").write_text(LIGHT_POLICY.replace("at_least: high", "at_least: medium"))
        _hang_up(served, "policies reloaded")
        deadline = time.monotonic() + 10  # the record is there first, the policy a moment later
        while (after := _judged_by(served)) == before and time.monotonic() < deadline:
            time.sleep(0.02)
        assert after != before
        (folder / "light.yaml").write_text(LIGHT_POLICY.replace("illicit", "ilicit"))
        _hang_up(served, "policies refused")
        assert _judged_by(served) == after
        (folder / "light.yaml").unlink()
        _hang_up(served, "policies refused", times=2)
        assert _judged_by(served) == after
        assert "light.yaml:13" in served.output.read_text()


def _hang_up(served: Served, event: str, times: int = 1) -> None:
    """Send the signal and wait for its record."""
    served.process.send_signal(signal.SIGHUP)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        records = json.loads(served.get("/v1/audit/records?type=config")[1])["data"]
        if sum(record["event"] == event for record in records) == times:
            return
        time.sleep(0.05)
    raise AssertionError(f"no record of {event}: {served.output.read_text()[-2000:]}")


def _judged_by(served: Served) -> str:
    request = urllib.request.Request(
        f"{served.url}/v1/moderations", b'{"input": "a red apple"}', {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return str(json.load(answer)["model"])
