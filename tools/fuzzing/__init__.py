"""The Python side of `make fuzz`: what is fuzzed, by subject, and how inputs are made. Start reading at `parser.py`."""
