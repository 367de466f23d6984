"""Every rewriter keeps the port's promises: the fake, a tiny real model, the embedded one."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.tiny_chat import make_tiny_chat_model

from gateway.core.ports import Rewriter
from gateway.rewriting import cut, edit, smollm2
from gateway.rewriting.fakes import ScriptedRewriter
from gateway.rewriting.llama_engine import LlamaEngine
from gateway.rewriting.llama_weights import GraphSource, as_graph
from gateway.rewriting.options import ChatOptions
from gateway.rewriting.source import RewriterWeights
from gateway.rewriting.strategy import Strategy
from gateway.rewriting.testing import RewriterContract
from gateway.rewriting.transformers_chat import TransformersChatRewriter


class TestScriptedRewriter(RewriterContract):
    """The fake passes the suite that the real ones pass."""

    def make_rewriter(self) -> Rewriter:
        return ScriptedRewriter(["an old car on a quiet street"] * 16)


class TestTinyTransformersRewriter(RewriterContract):
    """A random-weight Llama folder through the real `from_pretrained`."""

    max_chars = 200

    @pytest.fixture(autouse=True)
    def _folder(self, tiny_chat_folder: Path) -> None:
        self._model = str(tiny_chat_folder)

    def make_rewriter(self) -> Rewriter:
        return TransformersChatRewriter.from_options(
            "tiny", {"model": self._model, "max_chars": 200, "max_new_tokens": 12}
        )


class TestTinyCuttingRewriter(TestTinyTransformersRewriter):
    """The same with the rule that cuts first."""

    def make_rewriter(self) -> Rewriter:
        return TransformersChatRewriter.from_options(
            "tiny", {"model": self._model, "max_chars": 200, "max_new_tokens": 12, "strategy": "cut"}
        )


class TestCut(RewriterContract):
    """The rule without a model."""

    def make_rewriter(self) -> Rewriter:
        return cut.from_options("cut", {})


class TestEdit(RewriterContract):
    """The rule that edits."""

    def make_rewriter(self) -> Rewriter:
        return edit.from_options("edit", {})


class TestTinyGraphRewriter(RewriterContract):
    """The same kind of model as an 8-bit graph, asked in the tuned model's words."""

    max_chars = 200

    @pytest.fixture(autouse=True)
    def _graph(self, tmp_path_factory: pytest.TempPathFactory) -> None:
        base = tmp_path_factory.getbasetemp() / "tiny-graph"
        if not base.exists():
            make_tiny_chat_model(base / "chat", heads=2)
        self._source = GraphSource(lambda: base / "chat", "0" * 64)
        self._cache = base / "cache"

    def make_rewriter(self) -> Rewriter:
        options = ChatOptions(strategy=Strategy.TUNED, max_chars=200, max_new_tokens=12)
        return TransformersChatRewriter(
            "tiny",
            options,
            lambda: RewriterWeights(as_graph(self._source, self._cache), "tiny", "0" * 64),
            revision="tiny",
            engine=LlamaEngine,
        )


@pytest.mark.models
class TestEmbeddedRewriter(RewriterContract):
    """SmolLM2 out of its package."""

    max_chars = 1000

    def make_rewriter(self) -> Rewriter:
        return smollm2.from_options("smollm2", {})


@pytest.fixture(scope="session")
def tiny_chat_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_chat_model(tmp_path_factory.mktemp("tiny") / "chat")
