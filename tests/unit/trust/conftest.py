"""What the tests of trust share."""

import pytest
from tests.unit.trust.founding import Network


@pytest.fixture
def network() -> Network:
    return Network()
