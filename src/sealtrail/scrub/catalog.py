"""Every rule by its id, and what it finds: for policies, and for the page that lists them. Pure."""

from __future__ import annotations

from typing import Final

from sealtrail.scrub import groups, names, shapes, signs, vendors

# Those whose id says what they find are described by it.
_SAID: Final = {
    "age": "identities of age",
    "aws-key": "access key ids of AWS, keys of Bedrock and of Marketplace",
    "aws-secret": "secret access keys of AWS, beside a name that says so",
    "azure-key": "account and shared access keys in connection strings of Azure",
    "azure-sas": "signatures of shared access signatures",
    "azure-secret": "client secrets of Entra ID",
    "basic": "credentials of Basic authentication",
    "bearer": "bearer tokens",
    "card-number": "payment card numbers: an issuer's first digits, its length, the check digit",
    "cvv": "verification values of cards, behind the word and behind the number of a card",
    "django": "secret keys that Django's project template makes",
    "discord": "tokens of Discord bots",
    "email": "e-mail addresses",
    "iban": "international bank account numbers with their check digits",
    "jwt": "JSON Web Tokens",
    "password-hash": "hashes of passwords: bcrypt, scrypt, Argon2, PBKDF2, crypt",
    "private-key": "private keys in PEM; values under names of private keys",
    "ssn": "US social security numbers, with separators or behind a word that says so",
    "url-userinfo": "user name and password in an address",
    "webhook": "addresses of webhooks, which are secrets",
    names.CHOSEN: "a value under a name that a policy made secret",
}


def _shapes() -> dict[str, tuple[str, ...]]:
    """Rule -> the beginnings or signs it is known by."""
    found: dict[str, tuple[str, ...]] = {}
    rows = [(shape.rule, shape.literals) for shape in (*signs.ALWAYS, *shapes.TOKENS)]
    rows += [(rule, tuple(literals.split())) for rule, literals, _ in vendors.INNER]
    rows += [("jwt", ("eyJ",)), ("private-key", ("PRIVATE KEY",)), ("email", ("@",)), ("discord", ())]
    rows += [("cvv", ()), ("card-number", ()), ("ssn", ()), ("iban", ())]
    for rule, literals in rows:
        found[rule] = tuple(dict.fromkeys((*found.get(rule, ()), *literals)))
    return found


SHAPES: Final = _shapes()
"""Rules that know a secret by its shape."""

NAMES: Final = names.by_rule()
"""Rules that know a secret by the name it stands under, with the words that make a name one."""


def _meaning(rule: str) -> str:
    return _SAID.get(rule) or (f"keys and tokens of {rule}" if rule in SHAPES else f"{rule}, by its name")


GROUP_RULES: Final = {
    name: tuple(
        dict.fromkeys((*(shape.rule for shape in group.shapes), *group.ends.values(), *group.alone.values()))
    )
    for name, group in groups.GROUPS.items()
}
"""Group -> rules that it adds, or adds to."""

RULES: Final = {
    rule: _meaning(rule)
    for rule in sorted(
        {*SHAPES, *NAMES, names.CHOSEN, *(rule for rules in GROUP_RULES.values() for rule in rules)}
    )
}
"""Every rule, and what it finds."""
