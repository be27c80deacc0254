"""Scrubbing: secrets out of what is recorded, by the name they go by and by the shape they have. Pure.

Every function returns (what may be kept, notes). A note is `FIELD:RULE`, for `sealtrail.redacted`; it never
holds any of the text. Scrubbing twice gives what scrubbing once gave.
"""

from sealtrail.scrub.declared import without
from sealtrail.scrub.free import MAX_TEXT, Notes, text
from sealtrail.scrub.long import long_text
from sealtrail.scrub.names import secret_name
from sealtrail.scrub.policy import REPLACE, Policy
from sealtrail.scrub.shapes import Finding, engine, findings, ready
from sealtrail.scrub.tree import details, value
from sealtrail.scrub.web import headers, is_clean, is_clean_query, path, query, url

__all__ = [
    "MAX_TEXT",
    "REPLACE",
    "Finding",
    "Notes",
    "Policy",
    "details",
    "engine",
    "findings",
    "headers",
    "is_clean",
    "is_clean_query",
    "long_text",
    "path",
    "query",
    "ready",
    "secret_name",
    "text",
    "url",
    "value",
    "without",
]
