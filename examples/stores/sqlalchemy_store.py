"""A store for relaypass in any database that SQLAlchemy knows; tested with SQLite and PostgreSQL.

store = SQLAlchemyStore(create_engine("postgresql+psycopg://…"))
metadata.create_all(store.engine)  # once
client = RelayPass(api_key=…, store=store)
"""

import sqlalchemy as sa
from relaypass import StoreRecord
from sqlalchemy.exc import IntegrityError

metadata = sa.MetaData()
records = sa.Table(
    "relaypass_records",
    metadata,
    # Keys are compared byte for byte, whatever the database's language.
    sa.Column(
        "key", sa.Text().with_variant(sa.Text(collation="C"), "postgresql"), primary_key=True
    ),
    sa.Column("value", sa.LargeBinary, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("due_at", sa.BigInteger),
    sa.Column("expires_at", sa.BigInteger),
    sa.Index("relaypass_records_due", "due_at", "key"),
)


class SQLAlchemyStore:
    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine

    def load(self, key: str) -> StoreRecord | None:
        columns = (records.c.value, records.c.version, records.c.due_at, records.c.expires_at)
        with self.engine.begin() as connection:
            row = connection.execute(sa.select(*columns).where(records.c.key == key)).first()
        return None if row is None else StoreRecord(*row)

    def compare_and_swap(self, key: str, expected: int | None, new: StoreRecord | None) -> bool:
        columns = (
            {} if new is None else {name: getattr(new, name) for name in StoreRecord.__slots__}
        )
        there = sa.and_(records.c.key == key, records.c.version == expected)
        if new is None:
            statement = sa.delete(records).where(there)
        elif expected is None:
            statement = sa.insert(records).values(key=key, **columns)
        else:
            statement = sa.update(records).where(there).values(**columns)
        try:
            with self.engine.begin() as connection:
                done = connection.execute(statement)
                return statement.is_insert or done.rowcount == 1
        except IntegrityError:
            return False  # there is a record, and none was expected

    def scan(self, prefix: str, due_before: int | None, limit: int) -> list[str]:
        # No key has a character beyond "~", and "\x7f" is the next one.
        first, past = records.c.key >= prefix, records.c.key < prefix + "\x7f"
        found = sa.select(records.c.key).where(first, past)
        if due_before is not None:
            found = found.where(records.c.due_at <= due_before).order_by(records.c.due_at)
        with self.engine.begin() as connection:
            return list(connection.scalars(found.order_by(records.c.key).limit(limit)))
