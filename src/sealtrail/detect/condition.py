"""The condition line of a Sigma rule: `selection and not 1 of filter_*`. Pure.

Our own reader, because pySigma 1.5.1 reads the name `notes` as `not es`, and lets a pattern that names no
selection vanish from the condition.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final

from sealtrail.detect.tree import Node, Not, both, either

_TOKEN: Final = re.compile(r"\s*([()]|[\w*-]+)", re.ASCII)
MAX_TOKENS: Final = 2_000  # of one condition: the longest public one has a tenth of it
MAX_DEPTH: Final = 50  # of brackets: the parser recurses


class ConditionError(ValueError):
    """Why a condition cannot be read. Caught by `rule`, which knows the file and line."""


def parse(text: object, selections: Mapping[str, Callable[[], Node]]) -> Node:
    """The tree of a condition over named selections. Raises ConditionError."""
    if not isinstance(text, str) or not text.strip():
        raise ConditionError("the condition is missing")
    if "|" in text:
        raise ConditionError("`|` in a condition is the old way to count: write a correlation")
    tokens: list[str] = []
    at = 0
    while text[at:].strip():
        match = _TOKEN.match(text, at)
        if match is None:
            raise ConditionError(f"`{text[at:].strip()[:20]}` cannot stand in a condition")
        tokens.append(match[1])
        at = match.end()
        if len(tokens) > MAX_TOKENS:
            raise ConditionError(f"the condition has more than {MAX_TOKENS:,} words")
    reader = _Reader(tokens, selections)
    node = reader.any_of(0)
    if reader.peek():
        raise ConditionError(f"expected `and` or `or` before `{reader.peek()}`")
    return node


class _Reader:
    def __init__(self, tokens: list[str], selections: Mapping[str, Callable[[], Node]]) -> None:
        self._tokens = tokens
        self._selections = selections
        self._at = 0

    def peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _take(self) -> str:
        token = self.peek()
        self._at += 1
        return token

    def any_of(self, depth: int) -> Node:
        args = [self._all_of(depth)]
        while self.peek().lower() == "or":
            self._take()
            args.append(self._all_of(depth))
        return either(args) if len(args) > 1 else args[0]

    def _all_of(self, depth: int) -> Node:
        args = [self._one(depth)]
        while self.peek().lower() == "and":
            self._take()
            args.append(self._one(depth))
        return both(args) if len(args) > 1 else args[0]

    def _one(self, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise ConditionError("the condition nests too deep")
        token = self._take()
        word = token.lower()
        if word in ("", ")", "and", "or"):
            raise ConditionError(
                f"expected the name of a selection, got {f'`{token}`' if token else 'the end'}"
            )
        if word == "not":
            return Not(self._one(depth + 1))
        if word == "(":
            node = self.any_of(depth + 1)
            if self._take() != ")":
                raise ConditionError("a bracket is not closed")
            return node
        if word in ("1", "any", "all") and self.peek().lower() == "of":
            self._take()
            return self._quantified(word, self._take())
        return self._selection(token)

    def _selection(self, name: str) -> Node:
        if name not in self._selections:
            raise ConditionError(f"there is no selection `{name}`")
        return self._selections[name]()

    def _quantified(self, word: str, pattern: str) -> Node:
        # A name that begins with `_` is one that only its own name, or a pattern like it, reaches.
        wanted = re.compile(
            ".*" if pattern.lower() == "them" else ".*".join(map(re.escape, pattern.split("*"))), re.DOTALL
        )
        names = [
            name
            for name in self._selections
            if wanted.fullmatch(name) and (pattern.startswith("_") or not name.startswith("_"))
        ]
        if not names:
            raise ConditionError(f"`{word} of {pattern}` names no selection")
        nodes = [self._selections[name]() for name in names]
        return both(nodes) if word == "all" else either(nodes)
