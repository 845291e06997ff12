"""Are two lists of shapes the same to rounding?"""

from dataclasses import fields

import numpy as np

from hpmask.regions.shapes import Combined, Polygon


def parameters(shapes):
    """Kinds and signs of shapes, and their numbers, one after the other."""
    words, numbers = [], []
    for shape in shapes:
        if isinstance(shape, Combined):
            words_, numbers_ = parameters([shape.left, shape.right])
            words += [shape.sign, *words_]
            numbers += numbers_
            continue
        words.append(type(shape).__name__)
        polygon = isinstance(shape, Polygon)
        one = np.concatenate(shape.rings).ravel() if polygon else [getattr(shape, f.name) for f in fields(shape)]
        numbers += list(one)
    return words, numbers


def assert_same_shapes(found, expected):
    (words, numbers), (expected_words, expected_numbers) = parameters(found), parameters(expected)
    assert words == expected_words
    np.testing.assert_allclose(numbers, expected_numbers, rtol=1e-12, atol=1e-15)
