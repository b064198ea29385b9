"""What the daemon answers on its unix socket: HTTP/1.1 and JSON, one file a noun.

`rights` lists every method with who may call it. `/v1/up` and `/v1/ping` stream lines (`stream`); an error before the
stream begins is a problem (`warren.protocol.rest.problem`) with an HTTP status, after that a line with `problem` in it.
Times are Unix seconds. Fields may be added within a version; readers ignore what they do not know.
"""
