"""The query language: KQL-shaped text, a tree that prints itself back, SQL and a predicate. Pure."""

from sealtrail.store.query.match import Predicate, predicate
from sealtrail.store.query.nodes import (
    All,
    And,
    Compare,
    Exists,
    Is,
    Like,
    Node,
    Not,
    Or,
    Text,
    both,
)
from sealtrail.store.query.parser import parse
from sealtrail.store.query.sql import where

__all__ = [
    "All",
    "And",
    "Compare",
    "Exists",
    "Is",
    "Like",
    "Node",
    "Not",
    "Or",
    "Predicate",
    "Text",
    "both",
    "parse",
    "predicate",
    "where",
]
