"""Tables of the control loop, and what the store knows of where it is used."""

from sqlalchemy import BigInteger, Column, Double, Integer, String, Table

from windlass.kit.database import metadata

change = Table(
    "change",
    metadata,
    Column(
        "sequence",
        BigInteger().with_variant(Integer, "sqlite"),
        primary_key=True,
        autoincrement=True,
    ),
    Column("kind", String, nullable=False),
    Column("key", String, nullable=False),
    sqlite_autoincrement=True,
)

lease = Table(
    "lease",
    metadata,
    Column("name", String, primary_key=True),
    Column("holder", String, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("renewals", BigInteger, nullable=False),
    Column("acquired_at", Double, nullable=False),
)

installation = Table(
    "installation",
    metadata,
    Column("name", String, primary_key=True),
    Column("value", String, nullable=False),
)
