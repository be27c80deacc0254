"""Names of fields out of the bodies and queries of an API, and never a value.

A name is the path of keys that leads to a field, `customer.address.city`; a list adds nothing to it. Some
objects are tables whose keys are data: an id, an address, a token. So a key that does not look like a name is
told as `*`.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final
from urllib.parse import unquote_to_bytes

import msgspec

from sealtrail import scrub

MAX_NAMES: Final = 64  # names of fields of one request, and of one answer
MAX_KEYS: Final = 1024  # different keys that are looked at for them
MAX_NESTED: Final = 16  # objects and lists within one another that are looked into
MAX_PATH: Final = 256  # characters of one name

_MAX_KEY: Final = 64  # characters; a longer key is data
_MAX_DIGITS: Final = 4  # sha256 and iso3166 are names, 20240101 is not
_MAX_PAIRS: Final = 1000  # of a form or a query
_MAX_KNOWN: Final = 4096
DATA: Final = "*"

_NAME: Final = re.compile(r"[@$]?\w[\w.:$-]*")
_DIGIT: Final = re.compile(r"\d")
_LETTER: Final = re.compile(r"[^\W\d_]")
_PARTS: Final = re.compile(r"[\[\].]+")
# One token of JSON after another; a text or number that is cut is none.
_TOKEN: Final = re.compile(
    rb'[ \t\r\n]*+(?:"((?:[^"\\\x00-\x1f]++|\\.)*+)"|([{}\[\],:])|(?:-?[0-9][0-9.eE+-]*+|true|false|null))',
    re.DOTALL,
)

_HOLDERS: Final = frozenset({dict, list})

_decode: Final = msgspec.json.Decoder().decode

_known: dict[str, str] = {}


def name_of(key: str) -> str:
    """A key as a part of a name: itself where it looks like one, else `*`."""
    known = _known.get(key)
    if known is None:
        known = _looked_at(key)
        if len(key) <= _MAX_KEY:
            if len(_known) >= _MAX_KNOWN:
                _known.clear()
            _known[key] = known
    return known


def _looked_at(key: str) -> str:
    if len(key) > _MAX_KEY or _NAME.fullmatch(key) is None:
        return DATA
    digits = len(_DIGIT.findall(key))
    if digits > _MAX_DIGITS or _LETTER.search(key) is None or scrub.text(key)[1]:
        return DATA
    return key


class Names:
    """The names found so far, in the order in which they came, each once.

    `is_cut` where there are more than are told; `is_over` once no more are looked for.
    """

    def __init__(self) -> None:
        self.found: dict[str, None] = {}
        self.is_cut = False
        self.is_over = False
        self._paths: dict[tuple[str, str], str] = {}
        self._shapes: set[tuple[str, ...]] = set()

    def add(self, above: str, key: str) -> str:
        """Add a key of the object under a name; the name of what it leads to."""
        path = self._paths.get((above, key))
        if path is not None or self.is_over:
            return path or above
        if len(self._paths) >= MAX_KEYS:
            self.is_cut = self.is_over = True
            return above
        part = name_of(key)
        path = f"{above}.{part}" if above else part
        if len(path) > MAX_PATH:
            self.is_cut = True
            path = above
        if path not in self.found:
            if len(self.found) >= MAX_NAMES:
                # What else there is would only be looked at in vain, for as long as a client likes.
                self.is_cut = self.is_over = True
                return path
            self.found[path] = None
        self._paths[above, key] = path
        return path

    def value(self, value: Any, above: str = "", nested: int = 1) -> None:
        """Add the names of a value of JSON's types."""
        if nested > MAX_NESTED:
            self.is_cut = self.is_cut or bool(value)
            return
        if type(value) is dict:
            for key, inner in value.items():
                path = self.add(above, key)
                if type(inner) is dict or type(inner) is list:
                    self.value(inner, path, nested + 1)
                if self.is_over:
                    return
            self._shapes.add((above, *value))
        elif type(value) is list:
            for item in value:
                if type(item) is dict:
                    # Records resemble one another: a second one has no names to tell but in what is nested.
                    if (above, *item) in self._shapes and _HOLDERS.isdisjoint(map(type, item.values())):
                        continue
                elif type(item) is not list:
                    continue
                self.value(item, above, nested + 1)
                if self.is_over:
                    return

    def beginning(self, data: bytes) -> None:
        """Add the names of a document as far as it can be read. Whatever stands where no key can is none."""
        self.is_cut = True
        # The name under which each open object or list stands, and whether it is an object.
        above: list[tuple[str, bool]] = []
        deeper = at = 0
        path = ""
        wants_key = False
        while (token := _TOKEN.match(data, at)) is not None and not self.is_over:
            at = token.end()
            text, mark = token[1], token[2]
            if text is not None:
                if wants_key and not deeper and above:
                    path = self.add(above[-1][0], _text(text))
                wants_key = False
            elif mark in {b"{", b"["}:
                if deeper or len(above) >= MAX_NESTED:
                    deeper += 1
                else:
                    above.append((path, mark == b"{"))
                wants_key = mark == b"{"
            elif mark in {b"}", b"]"}:
                if deeper:
                    deeper -= 1
                elif above:
                    above.pop()
                wants_key = False
                path = above[-1][0] if above else ""
            elif mark == b",":
                wants_key = bool(above) and above[-1][1] and not deeper
                path = above[-1][0] if above else ""

    def form(self, data: bytes, *, is_whole: bool = True) -> None:
        """Add the names of a query or of an urlencoded form: `a[b]` is the field b of a."""
        pairs = data.split(b"&", _MAX_PAIRS)
        if not is_whole or len(pairs) > _MAX_PAIRS:
            pairs.pop()
            self.is_cut = True
        for pair in pairs:
            name, is_pair, _ = pair.partition(b"=")
            # What stands alone may be a value: a token, the id of an image.
            if is_pair:
                self.field(unquote_to_bytes(name.replace(b"+", b" ")))

    def field(self, name: bytes) -> None:
        """Add the name of a field of a form."""
        path = ""
        for part in _PARTS.split(name.decode("utf-8", "replace"), MAX_NESTED):
            if part:
                path = self.add(path, part)

    def told(self) -> tuple[str, ...]:
        return tuple(self.found)


def parsed(data: bytes) -> Any:
    """The value of a JSON document. Raises ValueError for what is none, RecursionError for too deep a one."""
    try:
        return _decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        # The standard library takes more: NaN, lone surrogates, UTF-16. So do applications.
        return json.loads(data)


def _text(raw: bytes) -> str:
    try:
        return str(json.loads(b'"%b"' % raw)) if b"\\" in raw else raw.decode()
    except ValueError:
        return DATA
