"""One real server with the embedded models for the whole suite: starting it is the dear part."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from openai import OpenAI
from support.servers import Served, running_gateway


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    # `moderation: low` chooses `strict` here, so that one server shows two policies.
    with running_gateway(tmp_path_factory.mktemp("gateway"), {"policies": {"low": "strict"}}) as served:
        yield served


@pytest.fixture(scope="session")
def client(server: Served) -> Iterator[OpenAI]:
    with OpenAI(base_url=f"{server.url}/v1", api_key="unused-without-a-key-file") as official:
        yield official
