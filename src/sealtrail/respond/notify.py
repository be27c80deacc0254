"""Channels that carry notices to people. The only module that knows apprise, loaded when it is needed.

Addresses hold passwords and tokens, some in the place of a host. So a channel is called by its scheme and
number, and what goes wrong is told in our words and by a status code, never in the words of a library.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from typing import Any, Final

from sealtrail.errors import UsageError

TIMEOUT_SECONDS: Final = 5.0  # to reach a service, and again to hear from it

_CODE: Final = re.compile(r"error=(\d{3})\b|\bHTTP (\d{3})\b")


class Channel:
    """One address of `[notify] urls`. `name` is what may be said about it aloud."""

    def __init__(self, url: str, number: int) -> None:
        from apprise import Apprise

        # Both log whole addresses when somebody asks for that much. Only the callback below hears apprise.
        logging.getLogger("urllib3").setLevel(logging.INFO)
        logging.getLogger("apprise").setLevel(logging.WARNING)
        logging.getLogger("apprise").propagate = False
        made: Any = Apprise.instantiate(url, suppress_exceptions=True) if "://" in url else None
        if made is None or isinstance(made, dict):
            raise UsageError(
                "usage.setting",
                f"number {number} of `notify.urls` is no address that notices can be sent to",
                hint="Write jsons://host/path for a webhook, mailtos://user:password@host for e-mail; "
                "docs/how-to/notices.md shows them.",
            )
        made.socket_connect_timeout = made.socket_read_timeout = TIMEOUT_SECONDS
        made.redirects = 0  # a redirect would carry what is secret to somebody else
        self.name = f"{url.partition('://')[0][:32].lower()}-{number}"
        self._service = Apprise()
        self._service.add(made)

    def send(self, title: str, body: str) -> str:
        """Send a text and wait; empty when it was accepted, else why not."""
        from apprise import NotifyFormat, NotifyType

        said: list[str] = []
        try:
            taken = self._service.notify(
                title=title,
                body=body,
                notify_type=NotifyType.WARNING,
                body_format=NotifyFormat.TEXT,
                log_callback=lambda entry, _: said.append(str(entry)),
            )
        except Exception as error:  # a hundred services are behind this: none may end the worker
            return f"the library failed with {type(error).__name__}"
        if taken:
            return ""
        code = next((found[1] or found[2] for text in said if (found := _CODE.search(text))), "")
        return f"it was refused with status {code}" if code else "it could not be reached, or refused"


def channels(urls: Sequence[str]) -> list[Channel]:
    """One channel for each address. Raises UsageError, which names the place and not the address."""
    return [Channel(url, number) for number, url in enumerate(urls, 1)]
