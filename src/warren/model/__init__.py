"""The words of the field as frozen values: identities, names, addresses, keys.

Nothing here knows a document, a message or a file. Text from outside becomes one of these types by its `parse_*`
function, or is refused; start reading in `ids.py`.
"""
