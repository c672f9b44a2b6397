import pytest

from handcrafted.proofs.claims import CLAIMS

EVERY = {claim.name: claim for claims in CLAIMS.values() for claim in claims}


@pytest.fixture(params=EVERY.values(), ids=EVERY)
def claim(request):
    """Each claim that the project makes about a network."""
    return request.param
