"""From the URL of a store to the rule that the URL breaks."""

from collections.abc import Callable

import pytest

from orderkeep.bootstrap.stores import InvalidStoreURL, open_store, table_setup


@pytest.mark.parametrize("read", [open_store, table_setup])
def test_invalid_url_is_rejected_without_its_password(read: Callable[[str], object]) -> None:
    with pytest.raises(InvalidStoreURL, match=r"the URL of a store may contain \[ and \] only around") as refused:
        read("postgresql://orderkeep:kept-secret@[db/orders")
    assert "kept-secret" not in str(refused.value)
