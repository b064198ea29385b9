"""The typed face of the Rust engine: tunnels that carry packets, the front that carries requests.

Only bytes and integers cross the border; `_native.pyi` beside this file is all there is. Start reading there.
"""
