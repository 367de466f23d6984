"""The named policies that a server holds, and how they are replaced.

Duty: which file serves a name, a reload that is all or nothing, and the end of a permission to fail open. An
operator's file takes the place of the library's policy of the same name. The files are read by
`policies.loader`. It has no clock: the day comes from the caller.
"""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from classifiers.protocol import ClassifierCard
from policies.compiler import GATEWAY_ACTIONS, compile_policy
from policies.decision import Action, PolicyRef, Stage
from policies.document import PolicyDocument
from policies.errors import PolicyError
from policies.loader import Loaded, load_policy, policy_files
from policies.policy import Policy

LIBRARY: Final = Path(__file__).parent / "library"


@dataclass(frozen=True, slots=True)
class ReloadReport:
    """What a reload did. With an `error` nothing changed, and every old policy serves on.

    `changed` holds the new refs of policies that are new or have another revision; `removed` the refs that no
    longer serve; `warnings` what the compiler had to say about the policies that serve now.
    """

    changed: tuple[PolicyRef, ...] = ()
    removed: tuple[PolicyRef, ...] = ()
    warnings: tuple[str, ...] = ()
    error: PolicyError | None = None

    @property
    def ok(self) -> bool:
        """True when the files were read and compiled, whether or not anything changed."""
        return self.error is None


@dataclass(frozen=True, slots=True)
class _Shelf:
    """One consistent set; replaced in a single assignment, so that no reader sees half of a reload.

    `written` holds the documents of `policies`. `open_until` is the earliest
    day until which one may fail open.
    """

    policies: Mapping[str, Policy]
    written: Mapping[str, Loaded[PolicyDocument]]
    unusable: Mapping[str, PolicyError]
    open_until: dt.date | None

    @classmethod
    def of(
        cls,
        policies: Mapping[str, Policy],
        written: Mapping[str, Loaded[PolicyDocument]],
        unusable: Mapping[str, PolicyError],
    ) -> _Shelf:
        ends = (policy.open_until for policy in policies.values())
        return cls(policies, written, unusable, min((end for end in ends if end is not None), default=None))


class PolicyBook:
    """Compiled policies by name: the library's, and those of the operator's folders.

    A library policy that the configured classifiers can't serve is set aside, and asking for it raises; an
    operator's own file that is wrong refuses the whole book.

    Raises:
        PolicyError: an operator's file is wrong, or two of them carry one name.
    """

    def __init__(
        self,
        cards: Mapping[str, ClassifierCard],
        folders: Iterable[Path] = (),
        *,
        library: Path = LIBRARY,
        supported: Mapping[Stage, frozenset[Action]] = GATEWAY_ACTIONS,
        today: dt.date | None = None,
    ) -> None:
        self._cards = dict(cards)
        self._folders = tuple(folders)
        self._library = library
        self._supported = supported
        self._swapping = threading.Lock()
        self._shelf = self._read(today)

    @property
    def names(self) -> tuple[str, ...]:
        """Names that `get` serves, sorted."""
        return tuple(sorted(self._shelf.policies))

    @property
    def unusable(self) -> Mapping[str, PolicyError]:
        """Library policies that the configured classifiers can't serve, with what is wrong."""
        return self._shelf.unusable

    @property
    def open_until(self) -> dt.date | None:
        """The last day on which every classifier allowed to fail open may do so; None without one."""
        return self._shelf.open_until

    def get(self, name: str) -> Policy:
        """Return the policy that serves a name now. A request keeps the one that it began with.

        Raises:
            PolicyError: no such policy, or a library policy that these classifiers can't serve.
        """
        shelf = self._shelf
        policy = shelf.policies.get(name)
        if policy is not None:
            return policy
        if name in shelf.unusable:
            raise PolicyError(shelf.unusable[name].diagnostics)
        raise PolicyError.plain(f'no policy named "{name}"', hint=f"there are: {', '.join(self.names)}")

    def reload(
        self,
        today: dt.date | None = None,
        *,
        keep: Iterable[str] = (),
        tell: Callable[[tuple[PolicyRef, ...]], None] = lambda _refs: None,
    ) -> ReloadReport:
        """Read every file again. On any error nothing changes, and the report carries it.

        A policy named in `keep` must still be there. `tell` gets the refs of all policies before they serve:
        what it raises leaves everything as it was.
        """
        before = self._shelf
        try:
            after = self._read(today)
        except PolicyError as error:
            return ReloadReport(error=error)
        lost = sorted(set(before.policies) & set(after.unusable))
        if lost:  # a policy that serves now must not vanish because its new text is wrong
            return ReloadReport(
                error=PolicyError(d for name in lost for d in after.unusable[name].diagnostics)
            )
        if gone := sorted(set(keep) - set(after.policies)):
            message = f"no file holds the policy {gone[0]} any more, and the settings name it"
            return ReloadReport(error=PolicyError.plain(message, hint="put it back, or change the settings"))
        tell(tuple(after.policies[name].ref for name in sorted(after.policies)))
        with self._swapping:
            self._shelf = after
        return ReloadReport(
            changed=tuple(p.ref for name, p in after.policies.items() if _ref(before, name) != p.ref),
            removed=tuple(p.ref for name, p in before.policies.items() if name not in after.policies),
            warnings=tuple(text for policy in after.policies.values() for text in policy.warnings),
        )

    def close_expired(self, today: dt.date, tell: Callable[[tuple[PolicyRef, ...]], None]) -> None:
        """Let every classifier fail closed whose permission to fail open expired before `today`.

        The documents are those that were read; no file is looked at. `tell` gets the new refs before the
        policies serve: what it raises leaves everything as it was.
        """
        shelf = self._shelf
        closed = {
            name: self._compiled(shelf.written[name], today)
            for name, policy in shelf.policies.items()
            if policy.open_until is not None and policy.open_until < today
        }
        if closed:
            tell(tuple(policy.ref for policy in closed.values()))
            after = _Shelf.of({**shelf.policies, **closed}, shelf.written, shelf.unusable)
            with self._swapping:
                if self._shelf is shelf:  # else a reload in another thread was quicker, and knows the day too
                    self._shelf = after

    def _read(self, today: dt.date | None) -> _Shelf:
        policies: dict[str, Policy] = {}
        written: dict[str, Loaded[PolicyDocument]] = {}
        for folder in self._folders:
            for path in policy_files(folder):
                loaded = self._load(path)
                name = loaded.document.name
                if name in written:
                    message = f'a second file carries the policy name "{name}"'
                    raise PolicyError.plain(message, file=_shown(path), hint="rename one of the two")
                policies[name], written[name] = self._compiled(loaded, today), loaded
        unusable: dict[str, PolicyError] = {}
        for path in policy_files(self._library):
            if path.stem in written:
                continue
            try:
                loaded = self._load(path)
                policies[path.stem], written[path.stem] = self._compiled(loaded, today), loaded
            except PolicyError as error:
                unusable[path.stem] = error
        return _Shelf.of(policies, written, unusable)

    def _compiled(self, loaded: Loaded[PolicyDocument], today: dt.date | None) -> Policy:
        return compile_policy(loaded, self._cards, supported=self._supported, today=today)

    def _load(self, path: Path) -> Loaded[PolicyDocument]:
        loaded = load_policy(path, _shown(path))
        refuse_other_name(loaded, path)
        return loaded


def refuse_other_name(loaded: Loaded[PolicyDocument], path: Path) -> None:
    """Refuse a policy whose name is not its file's.

    Raises:
        PolicyError: with the place of the name.
    """
    if loaded.document.name != path.stem:
        message = f'the file is named {path.stem}, the policy "{loaded.document.name}"'
        hint = "give both the same name, so that a key's policy is found by its file"
        raise PolicyError([loaded.tree.diagnostic(("name",), message, hint)])


def _shown(path: Path) -> str:
    """The folder's own name and the file's: messages go on record, without the machine's paths."""
    return f"{path.parent.name}/{path.name}"


def _ref(shelf: _Shelf, name: str) -> PolicyRef | None:
    policy = shelf.policies.get(name)
    return None if policy is None else policy.ref
