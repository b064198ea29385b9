"""The relay as a program: told what it serves, started inside the server's front or alone as `warren relay`.

Frames never come here: the relay itself is Rust (`engine/proto/src/relay`, `engine/io/src/relay`). Decides keys, ports,
limits and whom to trust. Start reading at `service`; `main` is the program that stands alone.
"""
