"""Requests that come twice because an answer was lost: `Idempotency-Key`. `service.py` is the only door."""
