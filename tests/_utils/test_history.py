"""The history: an expression that means what was done, does not grow without end, and is read back as it was."""

import ast
import operator
import time
from functools import reduce

import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from hypothesis import given
from hypothesis import strategies as st

from hpmask import EnergyAxis, Mask, RangeSet, intersection_all, union_all
from hpmask._utils.history import Expression

SIGNS = {"|": operator.or_, "&": operator.and_, "^": operator.xor, "-": operator.sub}
UNIVERSE = frozenset(range(64))
LEAVES = {
    name: frozenset(i for i in range(64) if i * (k + 3) % 7 < 3 or i % (k + 2) == 0) for k, name in enumerate("abcdef")
}


class Cells(frozenset):
    """A set with the operators of masks, the result of what Python makes of a text."""

    def __invert__(self):
        return Cells(UNIVERSE - self)

    def shifted(self, n):
        return Cells((i + n) % 64 for i in self)

    def __getitem__(self, step):
        return Cells(i for i in self if i % step)

    __or__ = lambda a, b: Cells(frozenset.__or__(a, b))  # noqa: E731
    __and__ = lambda a, b: Cells(frozenset.__and__(a, b))  # noqa: E731
    __xor__ = lambda a, b: Cells(frozenset.__xor__(a, b))  # noqa: E731
    __sub__ = lambda a, b: Cells(frozenset.__sub__(a, b))  # noqa: E731


def leaf(name):
    return Expression.parse(f"{name}()"), Cells(LEAVES[name])


def grown(children):
    """Pairs of an expression and its value, made from other pairs by each operation."""

    def joined(args):
        sign, pairs = args
        return (
            Expression.joined(sign, [expression for expression, _ in pairs]),
            reduce(SIGNS[sign], [value for _, value in pairs]),
        )

    def call(pairs):
        values = [value for _, value in pairs]
        return Expression.call("union_of", [one for one, _ in pairs]), Cells(frozenset().union(*values))

    return st.one_of(
        st.tuples(st.sampled_from("|&^-"), st.lists(children, min_size=2, max_size=4)).map(joined),
        children.map(lambda pair: (pair[0].inverted(), ~pair[1])),
        st.tuples(children, st.integers(0, 9)).map(
            lambda args: (args[0][0].then(f"shifted({args[1]})"), args[0][1].shifted(args[1]))
        ),
        st.tuples(children, st.integers(2, 5)).map(lambda args: (args[0][0].item(str(args[1])), args[0][1][args[1]])),
        st.lists(children, min_size=1, max_size=3).map(call),
        # As a file gives it back.
        children.map(lambda pair: (Expression.parse(pair[0].text), pair[1])),
    )


@given(st.recursive(st.sampled_from("abcdef").map(leaf), grown, max_leaves=12))
def test_python_reads_what_was_done(pair):
    expression, value = pair
    ast.parse(expression.text, mode="eval")
    names = {name: (lambda name=name: Cells(LEAVES[name])) for name in LEAVES}
    names["union_of"] = lambda sets: Cells(frozenset().union(*sets))
    assert eval(expression.text, names) == value


@pytest.mark.parametrize(
    ("text", "inverted"),
    [
        ("a", "~a"),
        ("~a", "~~a"),
        ("a | b", "~(a | b)"),
        ("(a | b)", "~(a | b)"),
        ("f(a | b)", "~f(a | b)"),
        ("f(|lat| < 2 deg)", "~f(|lat| < 2 deg)"),
        ("f('a ) | b')", "~f('a ) | b')"),
        (r"f('it\'s ) | b')", r"~f('it\'s ) | b')"),
        ("a-1.fits", "~a-1.fits"),
        ("a | b & c", "~(a | b & c)"),
        ("(a | b", "~((a | b)"),
        ("a) | (b", "~(a) | (b)"),
        ("a | b\nnote ~ &", "~(a | b)"),
        ("", "~mask"),
    ],
)
def test_brackets_of_texts_from_elsewhere(text, inverted):
    assert str(Expression.parse(text).inverted()) == inverted


def test_the_minus_has_an_order():
    a, b, c = (Expression.parse(name) for name in "abc")
    left = Expression.joined("-", [Expression.joined("-", [a, b]), c])
    right = Expression.joined("-", [a, Expression.joined("-", [b, c])])
    assert (str(left), str(right)) == ("a - b - c", "a - (b - c)")
    plane = RangeSet.from_cells([1], 2)
    one, two, three = (Mask(plane, history=name) for name in "abc")
    assert (one - (two - three)).history == "a - (b - c)"


def test_notes_end_with_the_next_step():
    mask = Mask(RangeSet.full(0), history="read('a.fits')\nthe recipe\nin two lines")
    assert mask.history.count("\n") == 2
    assert (~mask).history == "~read('a.fits')"
    assert (mask | mask).history == "read('a.fits') | read('a.fits')"
    assert mask.at_order(3).history == "read('a.fits').at_order(3, mode='center')"


def test_long_expressions_count_their_steps():
    a = Expression.parse("from_cones(100 discs, order=9)")
    longer = a
    for _ in range(999):
        longer = Expression.joined("|", [longer, a])
    assert longer.steps == 1999
    assert len(longer.text) <= 4000
    assert longer.text.startswith("<")
    assert longer.text.endswith(" | from_cones(100 discs, order=9)")
    for step in (longer.inverted(), longer.then("dilate(1 deg)"), longer.item("0"), Expression.call("stack", [longer])):
        assert step.steps == 2000
        assert len(step.text) < 4100
    all_at_once = Expression.joined("&", [a] * 1000)
    assert len(all_at_once.text) < 100
    assert all_at_once.steps == 1999
    assert "1000 masks" in all_at_once.text
    assert len(Expression.call("stack", [a] * 1000).text) < 100


def test_a_long_loop_stays_short_and_fast():
    mask, x = Mask(RangeSet.empty(3)), Mask(RangeSet.from_cells([7], 3), history="from_cones(1 disc, order=3)")
    start = time.process_time()
    longest = 0
    for i in range(10_000):
        mask |= x
        if i % 3 == 0:
            mask = ~~mask
        longest = max(longest, len(mask.history))
    assert longest < 5000
    assert time.process_time() - start < 10


# ---------------------------------------------------------------------- what masks are made from

AXIS = EnergyAxis.from_bounds("1 TeV", "100 TeV", 4)
STAR = SkyCoord(10, 20, unit="deg")


def test_leaves_give_numbers():
    cells = np.arange(12 * 4**2) < 5
    made = {
        "full(order=3)": Mask.full(order=3),
        "full(order=0, 4 bins 1-100 TeV)": Mask.full(energy=AXIS),
        "empty(order=1)": Mask.empty(order=1),
        "from_energy(10 TeV to the end, 2 of 4 bins 1-100 TeV)": Mask.from_energy(AXIS, "10 TeV"),
        "from_energy(2 TeV to 30 TeV, round_to_edge=True, 2 of 4 bins 1-100 TeV)": Mask.from_energy(
            AXIS, "2 TeV", 30 * u.TeV, round_to_edge=True
        ),
        "from_healpix(192 cells, 5 kept, order=2, nest=True)": Mask.from_healpix(cells, nest=True, frame="icrs"),
        "from_healpix(2 cells, 1 kept, order=9, nest=False)": Mask.from_healpix(
            [True, False], cells=[7, 9], order=9, nest=False, frame="galactic"
        ),
        "from_healpix(4 x 192 cells, 5 kept, order=2, nest=True)": Mask.from_healpix(
            np.array([cells] * 4), nest=True, frame="icrs", energy=AXIS
        ),
        "Mask(2 ranges, order=4)": Mask(RangeSet.from_cells([1, 7], 4)),
        "Mask(4 bins, 1 range, order=4)": Mask(RangeSet.from_cells([1], 4), energy=AXIS),
    }
    for text, mask in made.items():
        assert mask.history == text


def test_stack_and_many():
    a, b = (Mask(RangeSet.from_cells([k], 2), history=name) for k, name in enumerate("ab"))
    assert Mask.stack([a | b, b], AXIS.downsample(2)).history == "stack([a | b, b], 2 bins 1-100 TeV)"
    assert union_all([a, b, a]).history == a.union(b, a).history == "a | b | a"
    assert intersection_all([a | b, b]).history == "(a | b) & b"
    assert a.difference(a, b).history == "a - (a | b)"
    joined = Mask.stack([Mask.stack([a], AXIS[:1]), Mask.stack([b], AXIS[1:2])])
    assert joined.history == "stack([stack([a], 1 bin 1-3.162 TeV), stack([b], 1 bin 3.162-10 TeV)], 2 bins 1-10 TeV)"


def test_bins_of_a_mask():
    mask = Mask(RangeSet.full(0), energy=AXIS, history="~a")
    assert mask[0].history == "(~a)[0]"
    assert mask[1:3].history == "(~a)[1:3]"
    assert mask[::-1].history == "(~a)[::-1]"
    assert [one.history for one in mask][3] == "(~a)[3]"
