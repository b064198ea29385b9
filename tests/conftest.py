"""What holds for every test: chance is the same each time where a run decides about landing, new elsewhere."""

import os

from hypothesis import settings

# `deadline=None`: how long an example takes says more about the machine than about the code.
settings.register_profile("ci", deadline=None, derandomize=True, database=None)
settings.register_profile("developer", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") == "true" else "developer")
