from __future__ import annotations

from sealtrail.anchor.standing import DivergedError, Standing


def test_how_far_a_trail_is_anchored_is_one_sentence():
    one = Standing("/mnt", "folder", "audit", 1200, "2026-11-24T08:00:00Z")
    assert one.told() == "audit anchored up to 1,200 at 2026-11-24T08:00:00Z"
    assert Standing("/mnt", "folder", "audit").told() == "audit not anchored yet"
    failing = Standing("/mnt", "folder", "audit", 7, "A", "B", "it is full")
    assert failing.told() == "audit anchored up to 7 at A; failing since B: it is full"
    against = Standing("/mnt", "folder", "audit", 7, "A", "B", "it shows 9", diverged=True)
    assert against.told() == "audit anchored up to 7 at A; since B it is contradicted there: it shows 9"


def test_a_divergence_is_tampering_and_knows_what_was_shown():
    error = DivergedError("it shows another root", trail="audit", size=7, root="cm9vdA==", shown=b"note")
    assert (error.code, error.exit_code) == ("ledger.tampered", 1)
    assert (error.trail, error.size, error.root, error.shown) == ("audit", 7, "cm9vdA==", b"note")
