"""The one collection of tables, and the column types that SQLite and PostgreSQL both take.

Decides naming of constraints (alembic needs names to alter them) and types. Must not know any table.
Times are whole Unix seconds; keys, ids and documents are raw bytes; lists of words are JSON text.
"""

from sqlalchemy import BigInteger, Integer, LargeBinary, MetaData

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

Seconds = BigInteger
Bytes = LargeBinary
RowNumber = BigInteger().with_variant(Integer(), "sqlite")  # SQLite numbers rows by itself only for INTEGER
