"""What owners and admins sign on their own devices: batches of documents, and machines that wait for a word of theirs.

`service.py` is the only door.
"""
