"""A shop whose people sign in by Flask-Security, with second factors; its mail stays in memory."""

from pathlib import Path

from flask import Flask
from flask_security import MailUtil, Security, SQLAlchemySessionUserDatastore, auth_required, hash_password
from flask_security.models import sqla
from sqlalchemy import create_engine
from sqlalchemy.orm import DeclarativeBase, scoped_session, sessionmaker

from sealtrail.flask import Sealtrail

outbox: list[str] = []


class Base(DeclarativeBase):
    pass


sqla.FsModels.set_db_info(base_model=Base)


class Role(Base, sqla.FsRoleMixin):
    __tablename__ = "role"


class User(Base, sqla.FsUserMixin):
    __tablename__ = "user"


class Outbox(MailUtil):
    def send_mail(self, template, subject, recipient, sender, body, html, **kwargs):
        outbox.append(body)

    def normalize(self, email):
        return email

    def validate(self, email):
        return email


app = Flask("shop")
app.config.update(
    SECRET_KEY="for tests",
    SECURITY_PASSWORD_SALT="for tests",
    SECURITY_PASSWORD_HASH="pbkdf2_sha256",
    SECURITY_PASSWORD_SCHEMES=["pbkdf2_sha256"],
    SECURITY_PASSWORD_HASH_OPTIONS={"pbkdf2_sha256": {"rounds": 1}},
    SECURITY_TOTP_SECRETS={"1": "a secret for the secrets of tests"},
    SECURITY_TOTP_ISSUER="shop",
    SECURITY_TWO_FACTOR=True,
    SECURITY_TWO_FACTOR_ENABLED_METHODS=["authenticator", "email"],
    SECURITY_TWO_FACTOR_ALWAYS_VALIDATE=True,
    SECURITY_CHANGEABLE=True,
    SECURITY_RECOVERABLE=True,
    SECURITY_REGISTERABLE=True,
    WTF_CSRF_ENABLED=False,
)
Sealtrail(app, service="shop")
engine = create_engine("sqlite:///people.db")
people = scoped_session(sessionmaker(bind=engine))
datastore = SQLAlchemySessionUserDatastore(people, User, Role)
Security(app, datastore, mail_util_cls=Outbox)

with app.app_context():
    if not Path("people.db").exists():
        Base.metadata.create_all(engine)
        clerk = datastore.create_role(name="clerk")
        for name in ("ann", "bob", "cyd"):
            datastore.create_user(
                email=f"{name}@shop.example", password=hash_password(f"boats-of-{name}"), roles=[clerk]
            )
        people.commit()


@app.teardown_appcontext
def close(_):
    people.remove()


@app.get("/orders")
@auth_required("session")
def orders():
    return {"orders": []}


@app.get("/outbox")
def read():
    return {"mails": outbox}
