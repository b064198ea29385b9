"""One file a revision: `NNNN_what.py`."""
