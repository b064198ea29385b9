"""The database: connections, transactions, migrations. It knows no feature; each `store.py` has its own tables.

Start reading in `engine.py`.
"""
