"""A desk at which nothing waits: every case is unknown, every list empty."""

from __future__ import annotations

from typing import Any, NoReturn

from gateway.core.errors import NotFound
from gateway.review.types import QueuePage


class EmptyDesk:
    async def queue(self, who: Any, asked: Any) -> QueuePage:
        return QueuePage((), None)

    async def counts(self, who: Any) -> tuple[()]:
        return ()

    async def free(self, who: Any, case_id: str) -> None: ...

    async def case(self, who: Any, case_id: str) -> NoReturn:
        raise NotFound("There is no such case in this tenant.", param="case_id")

    open_case = texts = case

    async def act(self, who: Any, case_id: str, asked: Any) -> NoReturn:
        raise NotFound("There is no such case in this tenant.", param="case_id")

    async def undo(self, who: Any, act_id: str) -> NoReturn:
        raise NotFound("There is no such act.", param="act_id")

    async def picture(self, who: Any, case_id: str, picture: int, kind: str) -> NoReturn:
        raise NotFound("There is no such case in this tenant.", param="case_id")
