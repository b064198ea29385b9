"""The database: connections, transactions and migrations. It knows no feature; each feature's `store.py` has its tables.

Start reading in `engine.py`.
"""
