"""`/api/v1` of a server: what people and tools say to it. JSON, one file a noun, additive within the version.

Errors are `problem`. Times are Unix seconds. The server's routes and `warren.client.rest` are built on these values.
"""
