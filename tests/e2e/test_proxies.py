"""The proxy configurations in deploy/: the proxy takes them, and their limits hold in front of a gateway.

Skipped where the proxy is not installed (Debian: nginx-light, caddy). nginx runs with TLS and a certificate
of the test's own; Caddy gets its certificates from outside, so here it serves plain HTTP.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import os
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from support.servers import Served, free_port, image_server, light_settings, running_gateway

DEPLOY: Final = Path(__file__).resolve().parents[2] / "deploy"
IMAGES: Final = "/v1/images/generations"
APPLE: Final = {"prompt": "a red apple", "size": "64x64"}


@dataclass(frozen=True)
class Proxy:
    url: str
    port: int
    tls: ssl.SSLContext | bool

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, verify=self.tls, timeout=60)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("behind")
    with image_server() as upstream:
        settings = light_settings(upstream.base_url, folder / "policies")
        with running_gateway(folder / "data", settings) as served:
            yield served


@pytest.fixture(scope="module", params=["nginx", "caddy"])
def proxy(
    request: pytest.FixtureRequest, gateway: Served, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Proxy]:
    """The configuration as it stands, with this machine's ports, and with the test's certificate."""
    program = shutil.which(request.param) or shutil.which(request.param, path="/usr/sbin:/usr/local/sbin")
    if program is None:
        pytest.skip(f"{request.param} is not installed here: its configuration is not tested")
    folder, port = tmp_path_factory.mktemp(request.param), free_port()
    made = _nginx if request.param == "nginx" else _caddy
    command, found = made(program, folder, port, gateway.url.removeprefix("http://"))
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        _until_open(process, port)
        yield found
    finally:
        process.terminate()
        process.communicate(timeout=20)


def _nginx(program: str, folder: Path, port: int, upstream: str) -> tuple[list[str], Proxy]:
    certificate = _certificate(folder)
    site = (DEPLOY / "nginx.conf").read_text()
    for theirs, ours in (
        ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
        ("/etc/ssl/imagegate", str(folder)),
        ("127.0.0.1:8080", upstream),
    ):
        assert theirs in site
        site = site.replace(theirs, ours)
    (folder / "site.conf").write_text(site)
    temporary = "".join(
        f"{name}_temp_path {folder / name};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    main = folder / "nginx.conf"
    user = "user root; " if os.geteuid() == 0 else ""  # another user could not write in the test's folder
    main.write_text(
        f"{user}daemon off; pid {folder}/pid; error_log {folder}/error.log; events {{}} "
        f"http {{ access_log off; {temporary} include {folder}/site.conf; }}"
    )
    command = [program, "-e", f"{folder}/error.log", "-p", str(folder), "-c", str(main)]
    checked = subprocess.run([*command, "-t"], capture_output=True, text=True, check=False, timeout=30)
    assert checked.returncode == 0, checked.stderr
    context = ssl.create_default_context(cafile=str(certificate))
    return command, Proxy(f"https://127.0.0.1:{port}", port, context)


def _caddy(program: str, folder: Path, port: int, upstream: str) -> tuple[list[str], Proxy]:
    site = (DEPLOY / "Caddyfile").read_text()
    for theirs, ours in (
        ("images.example.org {", f"http://127.0.0.1:{port} {{"),
        ("127.0.0.1:8080", upstream),
        ("{\n\tservers {", "{\n\tadmin off\n\tservers {"),
    ):
        assert theirs in site
        site = site.replace(theirs, ours)
    file = folder / "Caddyfile"
    file.write_text(site)
    return [program, "run", "--adapter", "caddyfile", "--config", str(file)], Proxy(
        f"http://127.0.0.1:{port}", port, tls=True
    )


def _certificate(folder: Path) -> Path:
    """A certificate for 127.0.0.1, valid for a day."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.IPv4Address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    public = folder / "fullchain.pem"
    public.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "privkey.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return public


def _until_open(process: subprocess.Popen[bytes], port: int) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if process.poll() is not None:
            assert process.stderr is not None
            raise AssertionError(process.stderr.read().decode())
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("the proxy does not listen")


def test_requests_and_streams_pass(proxy: Proxy) -> None:
    """A generation, a refusal with its own body, and events; the gateway takes the name that is passed on."""
    with proxy.client() as client:
        drawn = client.post(IMAGES, json=APPLE)
        assert (drawn.status_code, len(drawn.json()["data"])) == (200, 1), drawn.text
        blocked = client.post(IMAGES, json={**APPLE, "prompt": ""})
        assert (blocked.status_code, blocked.json()["error"]["type"]) == (400, "invalid_request_error")
        with client.stream("POST", IMAGES, json={**APPLE, "stream": True}) as streamed:
            assert streamed.status_code == 200
            assert streamed.headers["content-type"].startswith("text/event-stream")
            assert "completed" in "".join(streamed.iter_text())


@pytest.mark.parametrize("path", ["/metrics", "/healthz", "/readyz"])
def test_what_watches_the_service_stays_inside(proxy: Proxy, gateway: Served, path: str) -> None:
    """Closed through the proxy, open on the gateway's own address."""
    with proxy.client() as client:
        assert client.get(path).status_code == 403
    assert gateway.get(path)[0] == 200


def test_a_body_over_32_mb_never_arrives(proxy: Proxy) -> None:
    """413 for more than 32 MB; the size that the gateway takes passes to it."""
    headers = {"content-type": "application/json"}
    with proxy.client() as client:
        assert client.post("/v1/moderations", content=b" " * 34_000_000, headers=headers).status_code == 413
        passed = client.post("/v1/moderations", content=b" " * 31_000_000, headers=headers)
        assert (passed.status_code, passed.json()["error"]["type"]) == (400, "invalid_request_error")


def test_a_large_head_is_refused(proxy: Proxy) -> None:
    """Headers of more than 16 kB get an error of the proxy, or the connection is closed."""
    with proxy.client() as client:
        try:
            status = client.get("/v1/models", headers={"x-long": "x" * 40_000}).status_code
        except httpx.TransportError:
            status = 431
    assert status in {400, 431, 494}
