"""What capture writes: one Struct per kind of event, its fields in schema order under their dotted names.

The bytes of a Struct are followed by the process's constants, which are encoded once, and by emitter and
sequence number, which belong to the spool.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import msgspec

from sealtrail.event.codec import encode
from sealtrail.event.fields import ECS_VERSION, SCHEMA_VERSION

Texts = Sequence[str]

_RENAMED: Final = {
    "timestamp": "@timestamp",
    "id": "event.id",
    "kind": "sealtrail.kind",
    "ecs_kind": "event.kind",
    "category": "event.category",
    "type": "event.type",
    "action": "event.action",
    "outcome": "event.outcome",
    "reason": "event.reason",
    "severity": "event.severity",
    "message": "message",
    "log_level": "log.level",
    "log_logger": "log.logger",
    "start": "event.start",
    "duration": "event.duration",
    "user_id": "user.id",
    "user_name": "user.name",
    "user_hash": "user.hash",
    "user_roles": "user.roles",
    "effective_id": "user.effective.id",
    "tenant": "organization.id",
    "session_hash": "sealtrail.session.hash",
    "auth_scheme": "sealtrail.auth.scheme",
    "token_hash": "sealtrail.auth.token_hash",
    "client_ip": "client.ip",
    "source_ip": "source.ip",
    "user_agent": "user_agent.original",
    "request_id": "http.request.id",
    "trace_id": "trace.id",
    "span_id": "span.id",
    "parent_id": "parent.id",
    "method": "http.request.method",
    "method_original": "http.request.method_original",
    "scheme": "url.scheme",
    "domain": "url.domain",
    "original": "url.original",
    "path": "url.path",
    "query": "url.query",
    "route": "http.route",
    "version": "http.version",
    "request_mime": "http.request.mime_type",
    "request_bytes": "http.request.body.bytes",
    "referrer": "http.request.referrer",
    "status": "http.response.status_code",
    "response_mime": "http.response.mime_type",
    "response_bytes": "http.response.body.bytes",
    "error_type": "error.type",
    "error_message": "error.message",
    "direction": "network.direction",
    "destination": "destination.domain",
    "destination_ip": "destination.ip",
    "destination_port": "destination.port",
    "tls_version": "tls.version",
    "tls_cipher": "tls.cipher",
    "tls_subject": "tls.server.subject",
    "tls_issuer": "tls.server.issuer",
    "tls_not_after": "tls.server.not_after",
    "tls_hash": "tls.server.hash.sha256",
    "tls_verified": "sealtrail.tls.verified",
    "redirects": "sealtrail.redirect.count",
    "redirect_to": "sealtrail.redirect.to",
    "redirect_changes_host": "sealtrail.redirect.host_changed",
    "object_type": "sealtrail.object.type",
    "object_id": "sealtrail.object.id",
    "object_owner": "sealtrail.object.owner",
    "request_body": "http.request.body.content",
    "response_body": "http.response.body.content",
    "request_fields": "sealtrail.request.fields",
    "response_fields": "sealtrail.response.fields",
    "response_count": "sealtrail.response.count",
    "api_version": "sealtrail.api.version",
    "in_spec": "sealtrail.api.in_spec",
    "deprecated": "sealtrail.api.deprecated",
    "required_roles": "sealtrail.required_roles",
    "required_scopes": "sealtrail.required_scopes",
    "token_issuer": "sealtrail.token.issuer",
    "token_audience": "sealtrail.token.audience",
    "token_subject_hash": "sealtrail.token.subject_hash",
    "token_id_hash": "sealtrail.token.id_hash",
    "token_client_hash": "sealtrail.token.client_hash",
    "token_scopes": "sealtrail.token.scopes",
    "token_algorithm": "sealtrail.token.algorithm",
    "token_key_id": "sealtrail.token.key_id",
    "token_expires": "sealtrail.token.expires",
    "token_verified": "sealtrail.token.verified",
    "target_type": "sealtrail.target.type",
    "target_id": "sealtrail.target.id",
    "target_name": "sealtrail.target.name",
    "change": "sealtrail.change",
    "intent": "sealtrail.intent",
    "ticket": "sealtrail.ticket",
    "policy_decision": "sealtrail.policy.decision",
    "policy_rule": "sealtrail.policy.rule",
    "details": "sealtrail.details",
    "auth_method": "sealtrail.auth.method",
    "auth_provider": "sealtrail.auth.provider",
    "auth_mfa": "sealtrail.auth.mfa",
    "auth_factors": "sealtrail.auth.factors",
    "auth_attempts": "sealtrail.auth.attempts",
    "own": "sealtrail.own",
    "redacted": "sealtrail.redacted",
    "truncated": "sealtrail.truncated",
    "notes": "sealtrail.notes",
}


class _Event(msgspec.Struct, omit_defaults=True, gc=False, rename=_RENAMED):
    """What every event says first."""

    timestamp: str
    id: str
    kind: str
    ecs_kind: str
    category: Texts
    type: Texts
    action: str
    outcome: str


class Api(msgspec.Struct, omit_defaults=True, gc=False, rename=_RENAMED):
    """What a request says as a call of an API: fields of a `Request`, which stand together there."""

    request_body: str = ""
    response_body: str = ""
    request_fields: Texts = ()
    response_fields: Texts = ()
    response_count: int | None = None
    api_version: str = ""
    in_spec: bool | None = None
    deprecated: bool | None = None
    required_roles: Texts = ()
    required_scopes: Texts = ()
    token_issuer: str = ""
    token_audience: Texts = ()
    token_subject_hash: str = ""
    token_id_hash: str = ""
    token_client_hash: str = ""
    token_scopes: Texts = ()
    token_algorithm: str = ""
    token_key_id: str = ""
    token_expires: str = ""
    token_verified: bool | None = None


class Request(_Event, gc=False, rename=_RENAMED):
    """One HTTP request, to the last byte of its response. Durations are in nanoseconds."""

    reason: str = ""
    start: str = ""
    duration: int | None = None
    user_id: str = ""
    user_name: str = ""
    user_roles: Texts = ()
    effective_id: str = ""
    tenant: str = ""
    session_hash: str = ""
    auth_scheme: str = ""
    token_hash: str = ""
    client_ip: str = ""
    source_ip: str = ""
    user_agent: str = ""
    request_id: str = ""
    trace_id: str = ""
    span_id: str = ""
    parent_id: str = ""
    method: str = ""
    method_original: str = ""
    scheme: str = ""
    domain: str = ""
    original: str = ""
    path: str = ""
    query: str = ""
    route: str = ""
    version: str = ""
    request_mime: str = ""
    request_bytes: int | None = None
    referrer: str = ""
    status: int | None = None
    response_mime: str = ""
    response_bytes: int | None = None
    error_type: str = ""
    error_message: str = ""
    object_type: str = ""
    object_id: str = ""
    object_owner: str = ""
    request_body: str = ""
    response_body: str = ""
    request_fields: Texts = ()
    response_fields: Texts = ()
    response_count: int | None = None
    api_version: str = ""
    in_spec: bool | None = None
    deprecated: bool | None = None
    required_roles: Texts = ()
    required_scopes: Texts = ()
    token_issuer: str = ""
    token_audience: Texts = ()
    token_subject_hash: str = ""
    token_id_hash: str = ""
    token_client_hash: str = ""
    token_scopes: Texts = ()
    token_algorithm: str = ""
    token_key_id: str = ""
    token_expires: str = ""
    token_verified: bool | None = None
    policy_decision: str = ""
    policy_rule: str = ""
    own: bool = False
    redacted: Texts = ()
    truncated: Texts = ()
    notes: Texts = ()


class Outbound(_Event, gc=False, rename=_RENAMED):
    """One HTTP request that the application itself made, to the last byte of what came back."""

    start: str = ""
    duration: int | None = None
    user_id: str = ""
    user_name: str = ""
    user_roles: Texts = ()
    effective_id: str = ""
    tenant: str = ""
    request_id: str = ""
    trace_id: str = ""
    span_id: str = ""
    parent_id: str = ""
    method: str = ""
    method_original: str = ""
    scheme: str = ""
    domain: str = ""
    original: str = ""
    path: str = ""
    query: str = ""
    version: str = ""
    request_mime: str = ""
    request_bytes: int | None = None
    status: int | None = None
    response_mime: str = ""
    response_bytes: int | None = None
    error_type: str = ""
    error_message: str = ""
    direction: str = ""
    destination: str = ""
    destination_ip: str = ""
    destination_port: int | None = None
    tls_version: str = ""
    tls_cipher: str = ""
    tls_subject: str = ""
    tls_issuer: str = ""
    tls_not_after: str = ""
    tls_hash: str = ""
    tls_verified: bool | None = None
    redirects: int | None = None
    redirect_to: str = ""
    redirect_changes_host: bool | None = None
    redacted: Texts = ()
    truncated: Texts = ()
    notes: Texts = ()


class Authentication(_Event, gc=False, rename=_RENAMED):
    """Somebody signed in, or tried to."""

    reason: str = ""
    user_id: str = ""
    user_name: str = ""
    user_hash: str = ""
    user_roles: Texts = ()
    effective_id: str = ""
    tenant: str = ""
    session_hash: str = ""
    auth_scheme: str = ""
    token_hash: str = ""
    client_ip: str = ""
    source_ip: str = ""
    user_agent: str = ""
    request_id: str = ""
    trace_id: str = ""
    span_id: str = ""
    error_type: str = ""
    target_type: str = ""
    target_id: str = ""
    ticket: str = ""
    details: Any = None
    auth_method: str = ""
    auth_provider: str = ""
    auth_mfa: bool | None = None
    auth_factors: Texts = ()
    auth_attempts: int | None = None
    redacted: Texts = ()
    truncated: Texts = ()
    notes: Texts = ()


class Audit(_Event, gc=False, rename=_RENAMED):
    """Something was changed, read or decided."""

    reason: str = ""
    severity: int | None = None
    message: str = ""
    log_level: str = ""
    log_logger: str = ""
    user_id: str = ""
    user_name: str = ""
    user_hash: str = ""
    user_roles: Texts = ()
    effective_id: str = ""
    tenant: str = ""
    session_hash: str = ""
    client_ip: str = ""
    source_ip: str = ""
    user_agent: str = ""
    request_id: str = ""
    trace_id: str = ""
    span_id: str = ""
    error_type: str = ""
    error_message: str = ""
    object_type: str = ""
    object_id: str = ""
    object_owner: str = ""
    target_type: str = ""
    target_id: str = ""
    target_name: str = ""
    change: Any = None
    intent: str = ""
    ticket: str = ""
    policy_decision: str = ""
    policy_rule: str = ""
    details: Any = None
    redacted: Texts = ()
    truncated: Texts = ()
    notes: Texts = ()


Event = Request | Outbound | Authentication | Audit


def constants(
    service: str, *, version: str = "", environment: str = "", node: str = "", host: str = "", pid: int = 0
) -> bytes:
    """The fields that are the same for all events of a process, as bytes that follow those of a Struct."""
    fields: dict[str, Any] = {
        "service.name": service,
        "service.version": version,
        "service.environment": environment,
        "service.node.name": node,
        "host.name": host,
        "process.pid": pid,
        "ecs.version": ECS_VERSION,
        "sealtrail.schema": SCHEMA_VERSION,
    }
    return b"," + encode({name: value for name, value in fields.items() if value})[1:-1]
