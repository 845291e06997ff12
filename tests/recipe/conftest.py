"""Fixtures of the tests of recipes."""

import numpy as np
import pytest
from astropy import units as u
from astropy.table import Table

from hpmask.recipe import read_recipe


@pytest.fixture
def recipe(tmp_path):
    """Function that reads a recipe from its text."""

    def read(text, **options):
        path = tmp_path / "recipe.toml"
        path.write_text(text, encoding="utf-8")
        return read_recipe(path, **options)

    return read


@pytest.fixture
def stars(tmp_path):
    """A small catalog beside the recipe."""
    table = Table(
        {
            "name": ["A", "B", "C", "D"],
            "ra": [10.0, 20.0, 350.0, 120.0],
            "dec": [-5.0, 60.0, -80.0, 3.0],
            "size": [1.0, 2.0, 3.0, 4.0] * u.deg,
            "minor": [0.5, 1.0, 1.5, 2.0] * u.deg,
            "angle": [0.0, 30.0, -60.0, 170.0] * u.deg,
            "plain": [1.0, 2.0, 3.0, 4.0],
            "flux": [1e-9, 5e-9, 2e-8, np.nan] * u.Unit("1 / (cm2 s)"),
        }
    )
    table.write(tmp_path / "stars.ecsv")
    return table
