from __future__ import annotations

import pytest
from sqlalchemy import String, create_engine, event
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from sealtrail.flask.user import id_of, name_of, roles_of


class Base(DeclarativeBase):
    pass


class Person(Base):
    __tablename__ = "person"
    number: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(String(50))

    def get_id(self):
        return str(self.number)


def test_a_user_whose_attributes_expired_is_told_without_a_query():
    engine = create_engine("sqlite://")
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        person = Person(number=7, email="ann@shop.example")
        session.add(person)
        session.commit()
        queries = []
        event.listen(engine, "before_cursor_execute", lambda *_: queries.append(1))
        assert (id_of(person), name_of(person), roles_of(person)) == (7, "", ())
        assert queries == []
    engine.dispose()


class Plain:
    def __init__(self, **given):
        self.__dict__.update(given)

    def get_id(self):
        return "by get_id"


@pytest.mark.parametrize(
    ("given", "identity", "name", "roles"),
    [
        ({}, "by get_id", "", ()),
        ({"id": 0, "username": "ann", "email": "a@b.c"}, 0, "ann", ()),
        ({"id": 1, "email": "a@b.c", "roles": "clerk"}, 1, "a@b.c", ("clerk",)),
        ({"id": 1, "roles": [Plain(name="clerk"), "admin", Plain(), None]}, 1, "", ("clerk", "admin")),
        ({"id": 1, "roles": object()}, 1, "", ()),
    ],
)
def test_a_user_is_told_by_what_is_loaded(given, identity, name, roles):
    user = Plain(**given)
    assert (id_of(user), name_of(user), roles_of(user)) == (identity, name, roles)
