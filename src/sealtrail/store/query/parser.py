"""Text to tree. Errors carry the column and say what would have worked.

A scanner-less recursive descent: what a character means depends on whether a field or a value is being read,
so there is no token list in between. `docs/reference/query-language.md` is the grammar in prose.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, cast

import msgspec

from sealtrail.errors import QueryError
from sealtrail.event.fields import ADDRESS_FIELDS, FIELDS
from sealtrail.store.query import times
from sealtrail.store.query.meaning import TYPES, meaning_of
from sealtrail.store.query.nodes import (
    KEYWORDS,
    All,
    And,
    Compare,
    Exists,
    Is,
    Like,
    Node,
    Not,
    Operator,
    Or,
    Text,
)

# Nobody writes more, and every limit here bounds the SQL that is made of a query.
MAX_LENGTH: Final = 16_384
MAX_DEPTH: Final = 50
MAX_LEAVES: Final = 500
MAX_TEXTS: Final = 20  # each is looked for in every text column
MAX_WILDCARDS: Final = 10
MAX_PATH: Final = 16

_SPACE: Final = " \t\r\n"
_STOP_BARE: Final = frozenset(_SPACE + '()":<>')
_STOP_VALUE: Final = frozenset(_SPACE + '()"')
_ESCAPES: Final = {"n": "\n", "r": "\r", "t": "\t"}
_SIGNS: Final = {"&&": "and", "||": "or", "!": "not"}


def parse(text: str, now: int | None = None) -> Node:
    """The tree of a query; an empty one is `*`. Raises QueryError.

    With `now` (microseconds since 1970) relative times become absolute, as a store needs them; without it
    they stay as written.
    """
    return _Parser(text, now).query()


class _Parser:
    def __init__(self, text: str, now: int | None) -> None:
        self.text = text
        self.now = now
        self.at = 0
        self.depth = 0
        self.leaves = 0
        self.texts = 0

    # --- the tree

    def query(self) -> Node:
        if len(self.text) > MAX_LENGTH:
            raise self.error(f"the query has {len(self.text):,} characters, the limit is {MAX_LENGTH:,}", 0)
        lone = next((i for i, c in enumerate(self.text) if "\ud800" <= c <= "\udfff"), None)
        if lone is not None:
            raise self.error("the query is not valid Unicode", lone)
        self.space()
        if self.ended():
            return All()
        node = self.either()
        self.space()
        if not self.ended():
            raise self.error("there is a `)` too many", self.at, "Remove it, or open it with `(`.")
        return node

    def either(self) -> Node:
        nodes = [self.every()]
        while self.keyword("or"):
            nodes.append(self.every())
        return nodes[0] if len(nodes) == 1 else Or(tuple(nodes))

    def every(self) -> Node:
        nodes = [self.negated()]
        while self.keyword("and") or self.another():
            nodes.append(self.negated())
        return nodes[0] if len(nodes) == 1 else And(tuple(nodes))

    def negated(self) -> Node:
        if self.keyword("not"):
            self.deeper()
            node = Not(self.negated())
            self.depth -= 1
            return node
        return self.primary()

    def primary(self) -> Node:
        self.space()
        start = self.at
        if self.ended() or self.text[start] == ")":
            raise self.error("a condition is missing here", start, "Write field:value, a word, or `*`.")
        if self.text[start] == "(":
            return self.group(self.either)
        if self.text[start] == '"':
            phrase = self.quoted()
            if self.sign() is not None:
                raise self.error(
                    "a field's name is not quoted",
                    start,
                    "Put a backslash before odd characters: my\\ field:1",
                )
            return self.bare((phrase,), start, quoted=True)
        self.refuse_keyword(start)
        parts = self.word(_STOP_BARE)
        sign = self.sign()
        if sign is not None:
            return self.condition(parts, sign, start)
        return self.bare(parts, start)

    def group(self, inner: Callable[[], Node]) -> Node:
        start = self.at
        self.at += 1
        self.deeper()
        node = inner()
        self.depth -= 1
        self.space()
        if self.ended():
            raise self.error("this `(` is never closed", start, "Add `)`.")
        self.at += 1
        return node

    # --- leaves

    def bare(self, parts: tuple[str, ...], start: int, *, quoted: bool = False) -> Node:
        kept = tuple(part for part in parts if part)
        if not kept:
            if quoted:
                raise self.error("an empty phrase finds nothing", start, "Write `*` for every event.")
            return All()
        if not quoted:
            self.refuse_foreign(self.text[start : self.at], start)
        self.texts += 1
        if self.texts > MAX_TEXTS:
            raise self.error(f"a query looks for at most {MAX_TEXTS} words anywhere", start, "Name fields.")
        return self.leaf(Text(kept), start, start)

    def condition(self, parts: tuple[str, ...], sign: str, start: int) -> Node:
        field = parts[0]
        if len(parts) > 1:
            raise self.error("a field's name takes no wildcards", start, "Name the field in full.")
        if not field:
            raise self.error(f"a field's name is missing before `{sign}`", start, 'Quote text: ":8080"')
        if self.text[start] in "-!":
            raise self.error(
                f"`{field[0]}` does not exclude here", start, f"Write `not {field[1:]}` and what follows."
            )
        if field.count(".") >= MAX_PATH or len(field) > 256:
            raise self.error("the field's name is too long", start)
        self.space()
        if sign == ":":
            inner = self.sign()
            if inner == ":":
                raise self.error("one `:` is enough", self.at - 1, f"Write {field}:value.")
            if inner is None:
                return self.values(field, start)
            sign = inner
            self.space()
        value_at = self.at
        literal, quoted = self.value(field)
        if len(literal) > 1 and not quoted:
            raise self.error("a comparison takes no wildcards", value_at)
        return self.leaf(Compare(field, cast(Operator, sign), literal[0]), start, value_at)

    def values(self, field: str, start: int) -> Node:
        """What follows `field:`: one value, `(a or b)`, or `[low to high]`."""
        if self.peek() == "(":
            return self.group(lambda: self.list_either(field, start))
        if self.peek() == "[":
            return self.range(field, start)
        value_at = self.at
        parts, _ = self.value(field)
        if len(parts) == 1:
            return self.leaf(Is(field, parts[0]), start, value_at)
        return self.leaf(Like(field, parts) if any(parts) else Exists(field), start, value_at)

    def list_either(self, field: str, start: int) -> Node:
        nodes = [self.list_every(field, start)]
        while self.keyword("or"):
            nodes.append(self.list_every(field, start))
        return nodes[0] if len(nodes) == 1 else Or(tuple(nodes))

    def list_every(self, field: str, start: int) -> Node:
        nodes = [self.list_item(field, start)]
        while self.keyword("and") or self.another():
            nodes.append(self.list_item(field, start))
        return nodes[0] if len(nodes) == 1 else And(tuple(nodes))

    def list_item(self, field: str, start: int) -> Node:
        if self.keyword("not"):
            self.deeper()
            node = Not(self.list_item(field, start))
            self.depth -= 1
            return node
        self.space()
        if self.peek() == "(":
            return self.group(lambda: self.list_either(field, start))
        return self.values(field, start)

    def range(self, field: str, start: int) -> Node:
        opened = self.at
        self.at += 1
        self.space()
        low_at = self.at
        low, low_quoted = self.value(field, "]")
        if not self.keyword("to"):
            raise self.error("a range is written [low to high]", opened, f"Write {field}:[1 to 5].")
        self.space()
        high_at = self.at
        high, high_quoted = self.value(field, "]")
        self.space()
        if self.peek() != "]":
            raise self.error("this `[` is never closed", opened, "Write [low to high].")
        self.at += 1
        nodes: list[Node] = []
        for parts, quoted, operator, at in (
            (low, low_quoted, ">=", low_at),
            (high, high_quoted, "<=", high_at),
        ):
            if parts == ("", "") and not quoted:
                continue
            if len(parts) > 1:
                raise self.error("a range takes no wildcards but a lone `*`", at)
            nodes.append(self.leaf(Compare(field, cast(Operator, operator), parts[0]), start, at))
        if not nodes:
            return self.leaf(Exists(field), start, opened)
        return nodes[0] if len(nodes) == 1 else And(tuple(nodes))

    def leaf(self, node: Text | Is | Like | Exists | Compare, start: int, value_at: int) -> Node:
        """Count it, make its time absolute, and try its meaning, so that a wrong type points here."""
        self.leaves += 1
        if self.leaves > MAX_LEAVES:
            raise self.error(f"a query has at most {MAX_LEAVES} conditions", start)
        if isinstance(node, Text | Like) and len(node.parts) > MAX_WILDCARDS + 1:
            raise self.error(f"a value has at most {MAX_WILDCARDS} wildcards", value_at)
        try:
            if isinstance(node, Is | Compare) and TYPES.get(node.field) == "time" and self.now is not None:
                if times.is_relative(node.value):
                    node = msgspec.structs.replace(node, value=times.absolute(node.value, self.now))
                meaning_of(node)
            else:
                # Only whether it can be read is asked here: any present will do.
                meaning_of(node, 0 if self.now is None else self.now)
        except QueryError as error:
            raise self.error(error.what, value_at, error.hint, error.code) from None
        return node

    # --- characters

    def value(self, field: str, extra: str = "") -> tuple[tuple[str, ...], bool]:
        """(parts, quoted?) of the value that stands here."""
        start = self.at
        here = self.peek()
        if here == '"':
            return (self.quoted(),), True
        hint = f'Write {field}:value, {field}:"two words", or {field}:* for any value.'
        if not here or here in "()":
            raise self.error(f"a value is missing for `{field}`", start, hint)
        parts = self.word(_STOP_VALUE | set(extra))
        if self.at == start or self.text[start : self.at].lower() in KEYWORDS:
            raise self.error(f"a value is missing for `{field}`", start, hint)
        return parts, False

    def word(self, stops: frozenset[str] | set[str]) -> tuple[str, ...]:
        """Characters up to one of `stops`, split at each unescaped `*`; runs of `*` count once."""
        parts = [""]
        start = self.at
        while not self.ended():
            character = self.text[self.at]
            # `<script>` is a word people look for: only after a name are these signs.
            if character in stops and (character not in "<>" or self.text[start] not in "<>"):
                break
            if character == "\\":
                parts[-1] += self.escaped()
                continue
            self.at += 1
            if character == "*":
                if len(parts) == 1 or parts[-1]:
                    parts.append("")
            else:
                parts[-1] += character
        return tuple(parts)

    def quoted(self) -> str:
        start = self.at
        self.at += 1
        text: list[str] = []
        while not self.ended():
            character = self.text[self.at]
            if character == '"':
                self.at += 1
                return "".join(text)
            if character == "\\":
                text.append(self.escaped())
            else:
                text.append(character)
                self.at += 1
        raise self.error("this quotation mark is never closed", start, 'Add `"`; inside, write it as \\".')

    def escaped(self) -> str:
        start = self.at
        self.at += 2
        if start + 1 >= len(self.text):
            raise self.error("a backslash ends the query", start, "Write \\\\ for the character itself.")
        character = self.text[start + 1]
        if character != "u":
            return _ESCAPES.get(character, character)
        digits = self.text[self.at : self.at + 4]
        if len(digits) < 4 or not all(c in "0123456789abcdefABCDEF" for c in digits):
            raise self.error("\\u takes four hexadecimal digits", start, "Write \\\\u for a backslash and u.")
        if 0xD800 <= int(digits, 16) <= 0xDFFF:
            raise self.error("\\u with half a character", start, "Write the character itself.")
        self.at += 4
        return chr(int(digits, 16))

    def sign(self) -> str | None:
        """`:` or a comparison, with white space before it."""
        start = self.at
        self.space()
        for sign in (":", ">=", "<=", ">", "<"):
            if self.text.startswith(sign, self.at):
                self.at += len(sign)
                return sign
        self.at = start
        return None

    def keyword(self, word: str) -> bool:
        """Take `word` where it stands alone."""
        self.space()
        end = self.at + len(word)
        if self.text[self.at : end].lower() != word:
            return False
        if end < len(self.text) and self.text[end] not in _SPACE + '()"':
            return False
        self.at = end
        return True

    def another(self) -> bool:
        """True where a condition follows without `and`."""
        self.space()
        if self.ended() or self.text[self.at] == ")":
            return False
        start = self.at
        follows = not self.keyword("or")
        self.at = start
        return follows

    def space(self) -> None:
        while not self.ended() and self.text[self.at] in _SPACE:
            self.at += 1

    def ended(self) -> bool:
        return self.at >= len(self.text)

    def peek(self) -> str:
        return self.text[self.at] if not self.ended() else ""

    # --- refusals

    def refuse_keyword(self, start: int) -> None:
        for word in ("and", "or"):
            if self.keyword(word):
                raise self.error(f"a condition is missing before `{word}`", start, "Quote it to look for it.")

    def refuse_foreign(self, raw: str, start: int) -> None:
        """Signs of other languages would be looked for as text and find nothing: say so instead."""
        if raw in _SIGNS:
            raise self.error(f"`{raw}` is not an operator here", start, f"Write `{_SIGNS[raw]}`.")
        name, equals, _ = raw.partition("=")
        name = name.rstrip("!")
        known = name in FIELDS or any(name == field.name for field in ADDRESS_FIELDS)
        if equals and (known or not name):
            negated = "not " if "!=" in raw else ""
            raise self.error(
                "`=` does not compare here",
                start,
                f"Write {negated}{name or 'field'}:value, or quote the text.",
            )

    def deeper(self) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.error(f"the query nests deeper than {MAX_DEPTH} levels", self.at)

    def error(self, what: str, column: int, hint: str = "", code: str = "query.syntax") -> QueryError:
        # One character for one, so that the caret stays under its place.
        shown = "".join(c if c.isprintable() else " " for c in self.text[:MAX_LENGTH])
        what = "".join(c if c.isprintable() else "\ufffd" for c in what)
        return QueryError(code, what, query=shown, column=column, hint=hint)
