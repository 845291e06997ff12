"""Sums in the order of a merge sort."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hpmask._utils.balanced import BalancedSum


@pytest.mark.deep
@given(st.lists(st.text(max_size=3), max_size=40))
def test_terms_stay_in_their_order(terms):
    total = BalancedSum(lambda a, b: a + b)
    for term in terms:
        total.add(term)
    assert total.total() == ("".join(terms) if terms else None)


def test_each_addition_is_of_about_equal_numbers():
    sizes = []
    total = BalancedSum(lambda a, b: sizes.append((a, b)) or a + b)
    for _ in range(64):
        total.add(1)
    assert total.total() == 64
    assert all(a == b for a, b in sizes)
    assert len(sizes) == 63
