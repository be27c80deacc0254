"""The vocabulary: every field Sealtrail writes or understands, in schema order.

Names are ECS 9 where ECS has one, else `sealtrail.*`. The order of this table is the order of keys in
canonical bytes, so a new field goes where its readers expect it and never moves again.

Types: keyword (one text), keywords (list of texts), text (long free text), ip, time (RFC 3339 text, UTC),
long (integer within 2^53), bool, json (nested, kept whole).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

FieldType = Literal["keyword", "keywords", "text", "ip", "time", "long", "bool", "json"]


class Field(NamedTuple):
    """One field: its dotted name, its type and what it says."""

    name: str
    type: FieldType
    meaning: str


_TABLE: Final = (
    # --- what happened
    Field("@timestamp", "time", "when it happened at the source"),
    Field("event.id", "keyword", "identity of the event, a UUID version 7"),
    Field("sealtrail.kind", "keyword", "request, outbound, authentication, audit, alert or system"),
    Field("event.kind", "keyword", "ECS kind: event, or alert"),
    Field("event.category", "keywords", "ECS categories, such as web, api, authentication, iam"),
    Field("event.type", "keywords", "ECS types, such as access, start, change, denied"),
    Field("event.action", "keyword", "OWASP vocabulary name, else noun.verb of the application"),
    Field("event.outcome", "keyword", "success, failure or unknown"),
    Field("event.reason", "text", "why, such as bad_password or a ticket"),
    Field("event.severity", "long", "0 to 100, higher is worse"),
    Field("event.start", "time", "when a request began"),
    Field("event.duration", "long", "nanoseconds from the request's first to the response's last byte"),
    Field("message", "text", "free text for people"),
    Field("log.level", "keyword", "level of a log entry, such as error"),
    Field("log.logger", "keyword", "name of the logger of a log entry"),
    Field("tags", "keywords", "free labels"),
    # --- who
    Field("user.id", "keyword", "who acted; anonymous where nobody was signed in"),
    Field("user.name", "keyword", "name of the acting user"),
    Field("user.hash", "keyword", "keyed hash of a name that was only attempted"),
    Field("user.roles", "keywords", "roles of the acting user"),
    Field("user.effective.id", "keyword", "who is being impersonated"),
    Field("organization.id", "keyword", "tenant"),
    Field("sealtrail.session.hash", "keyword", "keyed hash of the session id"),
    Field("sealtrail.auth.scheme", "keyword", "scheme of the Authorization header, such as bearer"),
    Field("sealtrail.auth.token_hash", "keyword", "keyed hash of the credential that was presented"),
    # --- from where
    Field("client.ip", "ip", "the client, resolved through trusted proxies"),
    Field("source.ip", "ip", "the peer of the connection"),
    Field("user_agent.original", "text", "User-Agent header"),
    # --- which request
    Field("http.request.id", "keyword", "correlation id, also sent back as X-Request-ID"),
    Field("trace.id", "keyword", "W3C trace id"),
    Field("span.id", "keyword", "W3C span id of this server"),
    Field("parent.id", "keyword", "W3C span id of the caller"),
    Field("http.request.method", "keyword", "method; _OTHER for one the standard does not know"),
    Field("http.request.method_original", "keyword", "the unknown method as it came"),
    Field("url.scheme", "keyword", "http or https"),
    Field("url.domain", "keyword", "Host header without the port"),
    Field("url.original", "text", "request target as it came, scrubbed"),
    Field("url.path", "text", "decoded path, scrubbed"),
    Field("url.query", "text", "query string, scrubbed"),
    Field("http.route", "keyword", "route template, such as /invoices/<id>"),
    Field("http.version", "keyword", "1.0, 1.1 or 2"),
    Field("http.request.mime_type", "keyword", "media type of the request's body"),
    Field("http.request.body.bytes", "long", "size of the request's body as declared"),
    Field("http.request.referrer", "text", "Referer header, scrubbed"),
    Field("http.response.status_code", "long", "status; 500 where the application raised"),
    Field("http.response.mime_type", "keyword", "media type of the response"),
    Field("http.response.body.bytes", "long", "bytes of body sent"),
    Field("error.type", "keyword", "class of the exception that ended the request"),
    Field("error.message", "text", "text of an error, scrubbed"),
    # --- where the application itself called
    Field("network.direction", "keyword", "egress for a call that the application made"),
    Field("destination.domain", "keyword", "host that was called"),
    Field("destination.ip", "ip", "address behind it; absent where a proxy stood between"),
    Field("destination.port", "long", "port that was called"),
    Field("tls.version", "keyword", "version of TLS, such as 1.3"),
    Field("tls.cipher", "keyword", "cipher that was agreed on"),
    Field("tls.server.subject", "keyword", "subject of the server's certificate, where it was verified"),
    Field("tls.server.issuer", "keyword", "issuer of the server's certificate, where it was verified"),
    Field("tls.server.not_after", "time", "when the server's certificate ends, where it was verified"),
    Field("tls.server.hash.sha256", "keyword", "SHA-256 of the server's certificate"),
    Field("sealtrail.tls.verified", "bool", "whether the server's certificate was verified"),
    Field("sealtrail.redirect.count", "long", "redirects that led to this call"),
    Field("sealtrail.redirect.to", "text", "where the answer sent the caller on to, scrubbed"),
    Field("sealtrail.redirect.host_changed", "bool", "whether that is another host"),
    # --- on what
    Field("sealtrail.object.type", "keyword", "type of the object the request acts on"),
    Field("sealtrail.object.id", "keyword", "id of the object the request acts on"),
    Field("sealtrail.object.owner", "keyword", "owner of the object the request acts on"),
    Field("http.request.body.content", "text", "body of the request where that is asked for, scrubbed"),
    Field("http.response.body.content", "text", "body of the response where that is asked for, scrubbed"),
    Field("sealtrail.request.fields", "keywords", "names of the request's fields, never values"),
    Field("sealtrail.response.fields", "keywords", "names of the response's fields, never values"),
    Field("sealtrail.response.count", "long", "records in the response"),
    Field("sealtrail.api.version", "keyword", "version of the API that was called"),
    Field("sealtrail.api.in_spec", "bool", "whether the route is in the API's description"),
    Field("sealtrail.api.deprecated", "bool", "true where the description calls the route deprecated"),
    Field("sealtrail.required_roles", "keywords", "roles of which the route demands one"),
    Field("sealtrail.required_scopes", "keywords", "scopes the route demands, all of them"),
    Field("sealtrail.token.issuer", "keyword", "who issued the token that was presented, as it says"),
    Field("sealtrail.token.audience", "keywords", "for whom, as it says"),
    Field("sealtrail.token.subject_hash", "keyword", "keyed hash of its subject"),
    Field("sealtrail.token.id_hash", "keyword", "keyed hash of its id"),
    Field("sealtrail.token.client_hash", "keyword", "keyed hash of the client it was issued to"),
    Field("sealtrail.token.scopes", "keywords", "scopes that it grants, as it says"),
    Field("sealtrail.token.algorithm", "keyword", "algorithm of its signature, as it says"),
    Field("sealtrail.token.key_id", "keyword", "key of its signature, as it says"),
    Field("sealtrail.token.expires", "time", "when it ends, as it says"),
    Field("sealtrail.token.verified", "bool", "whether the application has said that it is good"),
    Field("sealtrail.target.type", "keyword", "type of what an act changed"),
    Field("sealtrail.target.id", "keyword", "id of what an act changed"),
    Field("sealtrail.target.name", "keyword", "name of what an act changed"),
    Field(
        "sealtrail.change",
        "json",
        "list of {path, old, new}, scrubbed; old or new is missing where there was none",
    ),
    Field(
        "sealtrail.intent", "keyword", "event.id of the record made before a required act, also on its end"
    ),
    Field("sealtrail.ticket", "keyword", "ticket that ordered the act"),
    Field("sealtrail.policy.decision", "keyword", "allow or deny"),
    Field("sealtrail.policy.rule", "keyword", "rule that decided"),
    Field("sealtrail.details", "json", "what the caller added, scrubbed"),
    # --- signing in
    Field("sealtrail.auth.method", "keyword", "password, oidc, saml, api_key, jwt, passkey or link"),
    Field("sealtrail.auth.provider", "keyword", "who vouched for the user"),
    Field("sealtrail.auth.mfa", "bool", "whether a second factor was used"),
    Field("sealtrail.auth.factors", "keywords", "factors that were used"),
    Field("sealtrail.auth.attempts", "long", "attempts before this one"),
    # --- alerts and operators' acts
    Field("rule.id", "keyword", "detection rule"),
    Field("rule.name", "keyword", "title of the detection rule"),
    Field("threat.technique.id", "keywords", "ATT&CK techniques of the rule"),
    Field("sealtrail.alert.level", "keyword", "Sigma level: informational, low, medium, high or critical"),
    Field("sealtrail.alert.key", "json", "the values the rule grouped by"),
    Field("sealtrail.alert.count", "long", "events or distinct values when the rule fired"),
    Field("sealtrail.alert.events", "keywords", "addresses TRAIL/INDEX of events that matched, newest last"),
    Field("sealtrail.alert.rise", "time", "time of the first event in the window that fired"),
    Field("sealtrail.alert.id", "keyword", "alert that an operator's act speaks of"),
    Field("sealtrail.block.address", "ip", "address that is refused"),
    Field("sealtrail.block.until", "time", "when the block ends by itself"),
    Field("sealtrail.block.simulated", "bool", "true when the block was only planned"),
    Field("sealtrail.block.cause", "keyword", "id of the alert that led to a block"),
    Field("sealtrail.head.trail", "keyword", "another trail, whose head this entry records"),
    Field("sealtrail.head.size", "long", "entries in the other trail"),
    Field("sealtrail.head.root", "keyword", "base64 root hash of the other trail at that size"),
    Field("sealtrail.head.note", "text", "signed note of the trail this one goes on from, after a restore"),
    Field("sealtrail.key.old", "keyword", "public key (C2SP vkey) that a trail was signed with up to here"),
    Field("sealtrail.key.new", "keyword", "public key (C2SP vkey) that a trail is handed over to"),
    Field("sealtrail.range.trail", "keyword", "trail a gap, prune or hold speaks of"),
    Field("sealtrail.range.emitter", "keyword", "emitter a gap speaks of"),
    Field("sealtrail.range.first", "long", "first number concerned"),
    Field("sealtrail.range.end", "long", "first number no longer concerned"),
    Field("sealtrail.range.root", "keyword", "base64 root hash of a pruned trail at the end of the range"),
    Field("sealtrail.hold.name", "keyword", "matter that a legal hold is for"),
    Field("sealtrail.hold.query", "text", "query of what is held"),
    Field("sealtrail.hold.trail", "keyword", "trail a hold is on; missing: on all of them"),
    Field("sealtrail.hold.from", "time", "start of the period that is held"),
    Field("sealtrail.hold.to", "time", "end of the period that is held, not included"),
    Field("sealtrail.review.day", "keyword", "calendar day (UTC) that a daily review speaks of"),
    Field("sealtrail.report.framework", "keyword", "framework a report was made for"),
    Field("sealtrail.report.from", "time", "start of a report's window"),
    Field("sealtrail.report.to", "time", "end of a report's window, not included"),
    Field("sealtrail.report.manifest", "keyword", "SHA-256 of a report's manifest"),
    Field("sealtrail.silence.source", "keyword", "service or input that stopped sending"),
    Field("sealtrail.silence.since", "time", "when its last event came"),
    Field("sealtrail.notice.channel", "keyword", "scheme and number of the channel a notice went to"),
    Field("sealtrail.notice.alerts", "keywords", "alerts a notice told of"),
    Field("sealtrail.import", "bool", "true for history: it never drives a block"),
    Field("sealtrail.own", "bool", "true for a refusal Sealtrail itself made: detection skips it"),
    # --- how it was recorded
    Field("sealtrail.redacted", "keywords", "FIELD:RULE of what scrubbing removed, never the text"),
    Field("sealtrail.truncated", "keywords", "fields that were cut to their limit"),
    Field("sealtrail.notes", "keywords", "oddities at capture, such as url.undecoded or value.surrogate"),
    Field("service.name", "keyword", "service that was called"),
    Field("service.version", "keyword", "its version"),
    Field("service.environment", "keyword", "its environment, such as production"),
    Field("service.node.name", "keyword", "its instance"),
    Field("host.name", "keyword", "host it runs on"),
    Field("process.pid", "long", "process it runs in"),
    Field("ecs.version", "keyword", "version of ECS the names follow"),
    Field("sealtrail.schema", "long", "version of this table"),
    Field("sealtrail.emitter", "keyword", "one run of one process, or one file"),
    Field("sealtrail.seq", "long", "number within the emitter, gap-free from 0"),
    # (other keys, sorted, stand here)
    Field("event.ingested", "time", "when the collector sealed it; the same for all entries of a commit"),
    Field("sealtrail.source", "keyword", "key or input it came through"),
)

FIELDS: Final[Mapping[str, Field]] = MappingProxyType({f.name: f for f in _TABLE})
ORDER: Final[Mapping[str, int]] = MappingProxyType({f.name: i for i, f in enumerate(_TABLE)})

# Set by the collector alone, always the last two keys of an entry.
COLLECTOR_KEYS: Final = ("event.ingested", "sealtrail.source")

# On read only: where an entry stands. Never part of the hashed bytes.
ADDRESS_FIELDS: Final = (
    Field("sealtrail.trail", "keyword", "trail an entry stands in"),
    Field("sealtrail.index", "long", "position of an entry in its trail, from 0"),
)

KINDS: Final = ("request", "outbound", "authentication", "audit", "alert", "system")
TRAIL_OF: Final[Mapping[str, str]] = MappingProxyType(
    {
        "request": "access",
        "outbound": "access",
        "authentication": "audit",
        "audit": "audit",
        "alert": "audit",
        "system": "audit",
    }
)
TRAILS: Final = ("access", "audit")

ECS_VERSION: Final = "9.0.0"
SCHEMA_VERSION: Final = 1
