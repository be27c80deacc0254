"""The table of fields: its order is the order of the hashed bytes, so it is held still."""

from __future__ import annotations

import re

from sealtrail.event.fields import ADDRESS_FIELDS, COLLECTOR_KEYS, FIELDS, KINDS, ORDER, TRAIL_OF, TRAILS

# Schema version 1, as it was first hashed. A name never leaves this list and never moves in it.
VERSION_1 = """
@timestamp event.id sealtrail.kind event.kind event.category event.type event.action event.outcome
event.reason event.severity event.start event.duration message tags user.id user.name user.hash user.roles
user.effective.id organization.id sealtrail.session.hash sealtrail.auth.scheme sealtrail.auth.token_hash
client.ip source.ip user_agent.original http.request.id trace.id span.id parent.id http.request.method
http.request.method_original url.scheme url.domain url.original url.path url.query http.route http.version
http.request.mime_type http.request.body.bytes http.request.referrer http.response.status_code
http.response.mime_type http.response.body.bytes error.type error.message sealtrail.object.type
sealtrail.object.id sealtrail.object.owner sealtrail.request.fields sealtrail.response.fields
sealtrail.response.count sealtrail.api.version sealtrail.api.in_spec sealtrail.required_roles
sealtrail.target.type sealtrail.target.id sealtrail.target.name sealtrail.change sealtrail.ticket
sealtrail.policy.decision sealtrail.policy.rule sealtrail.details sealtrail.auth.method
sealtrail.auth.provider sealtrail.auth.mfa sealtrail.auth.factors sealtrail.auth.attempts rule.id
rule.name threat.technique.id sealtrail.alert.level sealtrail.alert.key sealtrail.alert.count
sealtrail.alert.events sealtrail.alert.rise sealtrail.block.address sealtrail.block.until
sealtrail.block.simulated sealtrail.block.cause sealtrail.head.trail sealtrail.head.size
sealtrail.head.root sealtrail.range.trail sealtrail.range.emitter sealtrail.range.first
sealtrail.range.end sealtrail.import sealtrail.own sealtrail.redacted sealtrail.truncated sealtrail.notes
service.name service.version service.environment service.node.name host.name process.pid ecs.version
sealtrail.schema sealtrail.emitter sealtrail.seq event.ingested sealtrail.source
"""

NAME = re.compile(r"@timestamp|[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*")


def test_every_name_stands_once_and_is_lower_case():
    assert len(FIELDS) == len(ORDER)
    for name in FIELDS:
        assert NAME.fullmatch(name), name


def test_no_field_is_also_the_parent_of_another():
    for name in FIELDS:
        assert not [other for other in FIELDS if other.startswith(name + ".")], name


def test_the_collectors_keys_end_the_table():
    assert tuple(FIELDS)[-2:] == COLLECTOR_KEYS


def test_the_address_of_an_entry_is_no_field_of_it():
    assert not {field.name for field in ADDRESS_FIELDS} & set(FIELDS)


def test_every_kind_has_a_trail_and_every_trail_a_kind():
    assert tuple(TRAIL_OF) == KINDS
    assert set(TRAIL_OF.values()) == set(TRAILS)


def test_the_order_of_keys_has_not_moved():
    """New fields may be added where their readers expect them; those that were hashed keep their order."""
    kept = VERSION_1.split()
    assert [name for name in ORDER if name in kept] == kept
