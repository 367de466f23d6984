"""The moderator without the rest of the gateway: for commands that judge and draw nothing.

Duty: start and close a moderator's classifiers and its log. It knows no concrete class and loads no rewriter
and no image model.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass

from gateway.pipeline.moderation import Moderator
from gateway.service.gateway import ReadableLog, RunningClassifier, start_classifiers


@dataclass(frozen=True, slots=True)
class ModeratorAlone:
    """A moderator with what it lives on. Use `start` before and `close` after."""

    moderator: Moderator
    classifiers: Mapping[str, RunningClassifier]
    log: ReadableLog

    async def start(self) -> None:
        """Load every classifier.

        Raises:
            ConfigurationError: one can't be loaded.
        """
        await start_classifiers(self.classifiers)

    async def close(self) -> None:
        """Stop the classifiers; the log last, so that late records are written."""
        closing = (asyncio.to_thread(classifier.close) for classifier in self.classifiers.values())
        await asyncio.gather(*closing, return_exceptions=True)
        await asyncio.to_thread(self.log.close)
