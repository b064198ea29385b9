"""The server: introduces nodes to each other and keeps the signed documents; it never carries authority of its own.

Start reading at `app.py`, which constructs every part; `main.py` turns a command line into its settings.
"""
