from __future__ import annotations

import base64
import json
import random
from pathlib import Path
from urllib.parse import quote

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from sealtrail.demo.secrets_hunt import hunt, plant, spellings

secrets = st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), min_size=8, max_size=40)


@given(secrets, st.binary(max_size=7), st.binary(max_size=7))
def test_a_secret_is_recognised_in_base64_whatever_stands_around_it(
    secret: str, before: bytes, after: bytes
) -> None:
    text = base64.b64encode(before + secret.encode() + after)
    assert any(needle in text for needle in spellings(secret))


@given(secrets)
def test_a_secret_is_recognised_raw_escaped_and_percent_encoded(secret: str) -> None:
    once = quote(secret, safe="")
    for text in (
        secret,
        json.dumps(secret),
        json.dumps(secret, ensure_ascii=False),
        once,
        quote(once, safe=""),
    ):
        assert any(needle in text.encode() for needle in spellings(secret)), text


def test_no_spelling_is_so_short_that_it_finds_itself_everywhere() -> None:
    planted = plant(random.Random(1))
    assert len(planted.values) == len(set(planted.values)) == 7
    assert all(len(needle) >= 12 for value in planted.values for needle in spellings(value))


def test_every_planted_secret_is_in_a_request() -> None:
    planted = plant(random.Random(1))
    sent = [*planted.requests, planted.bearer, planted.password, planted.password_as_name]
    for value in planted.values:
        assert any(needle in text.encode() for text in sent for needle in spellings(value)), value


def test_the_hunt_opens_what_is_compressed(tmp_path: Path) -> None:
    secret = "correct horse battery staple"
    (tmp_path / "plain.log").write_text(f"password={quote(secret)}")
    (tmp_path / "volume-000000.zst").write_bytes(zstandard.compress(secret.encode() * 3))
    pq.write_table(
        pa.table({"rest": [json.dumps({"x": secret})]}), tmp_path / "1.parquet", compression="zstd"
    )
    (tmp_path / "innocent").write_text("correct horse")
    found = hunt([secret], [tmp_path])
    assert [line.partition(":")[0] for line in found] == ["1.parquet", "plain.log", "volume-000000.zst"]
