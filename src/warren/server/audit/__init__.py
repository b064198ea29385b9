"""The audit log: who changed who may do what. Append only; `service.py` is the only door."""
