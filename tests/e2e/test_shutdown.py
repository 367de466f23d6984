"""SIGTERM: not ready first, what was accepted is finished, exit 0."""

from __future__ import annotations

import json
import signal
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

from support.servers import image_server, light_settings, start_gateway


def test_sigterm_finishes_accepted_work(tmp_path: Path) -> None:
    """A request under way at SIGTERM is answered 200 while readiness is red; then the process exits 0.
    At the start it has said how many connections it takes.
    """
    with image_server(waits=True) as upstream:
        served = start_gateway(tmp_path, light_settings(upstream.base_url, tmp_path / "policies"))
        try:
            served.wait_ready()
            assert " files may be open: at most " in served.output.read_text()
            answers: list[int] = []
            body = json.dumps({"prompt": "a red apple", "size": "64x64"}).encode()

            def ask() -> None:
                request = urllib.request.Request(
                    f"{served.url}/v1/images/generations", body, {"content-type": "application/json"}
                )
                with urllib.request.urlopen(request, timeout=30) as answer:
                    answers.append(answer.status)

            thread = threading.Thread(target=ask)
            thread.start()
            while not upstream.seen:
                time.sleep(0.02)
            served.process.send_signal(signal.SIGTERM)
            readiness = _status_soon(served.url + "/readyz")
            upstream.may_answer.set()
            thread.join(timeout=30)
            assert answers == [200]
            assert readiness == 503
            assert served.process.wait(timeout=30) == 0
        finally:
            if served.process.poll() is None:
                served.process.kill()
                served.process.wait(timeout=30)


def _status_soon(url: str) -> int | None:
    """The first answer that is not 200; a refused connection counts as None."""
    deadline = time.monotonic() + 10.0
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=5):
                pass
        except urllib.error.HTTPError as error:
            with error:
                return error.code
        except OSError:
            return None
        time.sleep(0.02)
    return 200
