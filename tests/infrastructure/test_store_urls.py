"""From the URL of a store to the rule that the URL breaks."""

from collections.abc import Callable

import pytest

from orderkeep.bootstrap.stores import InvalidStoreURL, open_store, table_setup


@pytest.mark.parametrize("read", [open_store, table_setup])
def test_a_url_that_is_none_is_refused_without_telling_its_password(read: Callable[[str], object]) -> None:
    with pytest.raises(InvalidStoreURL, match=r"a store's URL has \[ and \] around an IPv6 address only") as refused:
        read("postgresql://orderkeep:kept-secret@[db/orders")
    assert "kept-secret" not in str(refused.value)
