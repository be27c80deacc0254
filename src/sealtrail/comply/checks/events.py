"""What records say: who, what, on whom, and whether it was all said. Pure."""

from __future__ import annotations

from typing import Final

from sealtrail.comply.case import RECORDS, Case, Check, Finding, one_of
from sealtrail.comply.checks.coverage import unmatched
from sealtrail.comply.verdict import judged

_NOBODY: Final = "(not user.id:* or user.id:anonymous)"
_CHANGING: Final = "http.request.method:(POST or PUT or PATCH or DELETE)"

# What an application calls by itself is nobody's access to it, and what is said of the record itself no act.
_ACTS: Final = f"{RECORDS} and not sealtrail.kind:(outbound or alert or system)"

# The six things PCI DSS 10.2.2 asks of a record, each as the query for what lacks it. A failed sign-in names
# nobody where no name was given: that is then what there is to say.
MISSING: Final = (
    (
        "who",
        (
            "not user.id:* and not user.name:* and not user.hash:* "
            "and not (sealtrail.kind:authentication and event.outcome:failure)"
        ),
    ),
    ("what", "not event.action:*"),
    ("when", "not @timestamp:*"),
    ("outcome", "not event.outcome:*"),
    ("origin", "not client.ip:* and not source.ip:* and not client.address:* and not host.name:*"),
    (
        "object",
        (
            "not url.path:* and not url.original:* and not http.route:* and not sealtrail.target.id:* "
            "and not sealtrail.object.id:* and not service.name:*"
        ),
    ),
)


def fields(case: Case) -> Finding:
    """FLD-1"""
    population = case.count("records", _ACTS)
    for name, lacking in MISSING:
        case.count(f"records that lack: {name}", f"{_ACTS} and ({lacking})")
    any_of = " or ".join(f"({lacking})" for _, lacking in MISSING)
    query = f"{_ACTS} and ({any_of})"
    exceptions = case.count("records that lack any of them", query)
    found = case.listed(query) if exceptions else []
    return case.finding(judged(population, exceptions, empty="no-data"), population, exceptions, found, _ACTS)


def data_access(case: Case) -> Finding:
    """EVT-1"""
    if not case.terms.data:
        case.notes.append(
            f"[compliance] {case.terms.data_setting} names no query that finds the protected data: which "
            "routes or objects hold it is for a person to say"
        )
        return case.finding("needs-human", 0)
    query = f"({case.terms.data}) and sealtrail.kind:(request or audit) and event.outcome:success"
    return _each(case, "accesses to protected data", query, _NOBODY, "accesses that name nobody")


def admin_acts(case: Case) -> Finding:
    """EVT-2"""
    roles = case.terms.admin_roles
    if not roles:
        case.notes.append("[compliance] admin-roles names no role")
        return case.finding("needs-human", 0)
    query = f"sealtrail.kind:request and user.roles:{one_of(roles)} and {_CHANGING} and event.outcome:success"
    population = case.count("changing requests of administrators", query)
    nameless = case.count("of these without a request id", f"{query} and not http.request.id:*")
    alone = unmatched(case, query, "sealtrail.kind:(audit or authentication)")
    case.number("of these without an audit record of the same request", len(alone.ids))
    found = [f"request {name}: changed something, and no audit record says what" for name in alone.ids]
    verdict = judged(population, len(found) + nameless)
    if verdict == "pass" and alone.capped:
        case.notes.append("in some hour more requests came than can be compared one by one")
        verdict = "needs-human"
    return case.finding(verdict, population, len(found) + nameless, found, query)


def log_access(case: Case) -> Finding:
    """EVT-3"""
    query = "event.action:(sealtrail.export or sealtrail.report or sealtrail.read)"
    return _each(case, "recorded accesses to the record", query, "not user.id:*", "of these without a person")


def identity_changes(case: Case) -> Finding:
    """EVT-4"""
    query = (
        f"{RECORDS} and sealtrail.kind:audit and (event.category:iam or event.action:(user_* or privilege_* "
        "or authz_change* or authn_password_change* or authn_token_created* or authn_token_revoked*))"
    )
    return _each(
        case, "changes to identities", query, "not sealtrail.target.id:*", "of these that do not say on whom"
    )


def objects(case: Case) -> Finding:
    """EVT-6"""
    query = (
        f"{RECORDS} and sealtrail.kind:audit and event.type:(creation or deletion) and not event.category:iam"
    )
    return _each(
        case,
        "creations and deletions",
        query,
        "not sealtrail.target.type:* and not sealtrail.object.type:*",
        "of these that do not say of what",
    )


def shared_ids(case: Case) -> Finding:
    """IAM-1"""
    query = f"{RECORDS} and user.id:* and not user.id:anonymous"
    names = case.terms.shared_ids
    wrong = f"user.id:{one_of(names)}" if names else 'user.id:""'
    return _each(case, "records of a named user", query, wrong, "of these under a shared or generic id")


def second_factor(case: Case) -> Finding:
    """IAM-5"""
    roles = case.terms.admin_roles
    if not roles:
        case.notes.append("[compliance] admin-roles names no role")
        return case.finding("needs-human", 0)
    query = (
        f"sealtrail.kind:authentication and event.action:authn_login_success* and user.roles:{one_of(roles)}"
    )
    return _each(
        case, "sign-ins of administrators", query, "not sealtrail.auth.mfa:true", "without a second factor"
    )


def emergency(case: Case) -> Finding:
    """IAM-10"""
    query = f"{RECORDS} and event.action:(*break_glass* or *break-glass* or *emergency_access*)"
    return _each(
        case, "emergency accesses", query, "(not user.id:* or not event.reason:*)", "without person or reason"
    )


def _each(case: Case, name: str, query: str, wrong: str, wrong_name: str) -> Finding:
    """All that `query` finds must not be `wrong`. Zero of them is not exercised, and the count the proof."""
    population = case.count(name, query)
    bad = f"({query}) and ({wrong})"
    exceptions = case.count(wrong_name, bad)
    found = case.listed(bad) if exceptions else []
    return case.finding(judged(population, exceptions), population, exceptions, found, query)


CHECKS: Final = (
    Check("FLD-1", "Complete records", "no record lacks who, what, when, outcome, origin or object", fields),
    Check("EVT-1", "Access to protected data", "every access names one person", data_access),
    Check(
        "EVT-2",
        "Acts of administrators",
        "every changing request of an administrator has an audit record of the same request",
        admin_acts,
    ),
    Check("EVT-3", "Access to the record", "every recorded access names who asked for it", log_access),
    Check("EVT-4", "Changes to identities", "every change says on whom it was made", identity_changes),
    Check("EVT-6", "Created and deleted objects", "every record names the object's type", objects),
    Check("IAM-1", "Personal ids", "no record under a shared or generic id", shared_ids),
    Check("IAM-5", "Second factor", "every sign-in of an administrator used a second factor", second_factor),
    Check("IAM-10", "Emergency access", "every use says who and why", emergency),
)
