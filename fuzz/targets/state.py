"""The state in pickles of masks and of sets: what the reconstructors get, and not the bytes of the pickle.

Bytes of a pickle can run any program, and no check of hpmask comes before that. The state is written as JSON here::

    {"layers": {"name": {"planes": [{"order": 6, "boundaries": [0, 4096]}], "order": 6, "frame": "icrs", "energy": null,
                         "history": ""}}}

where "energy" may have the edges, unit, name, interp and nodes of an axis.
"""

from __future__ import annotations

import json
import pickle
import warnings
from typing import Any

import numpy as np
from astropy import units as u

from fuzz.checks import Fault, check_mask, check_round_trip, check_set, outcome
from fuzz.doors.tables import masks
from fuzz.mutators.texts import text_mutator
from hpmask import Mask, MaskSet, RangeSet
from hpmask.energy.axis import nodes_of

__all__ = ["WORDS", "mutate", "one", "seeds"]

WORDS = (
    b'"order":',
    b'"boundaries":',
    b'"energy": null',
    b'"interp": "lin"',
    b'"log"',
    b'"galactic"',
    b'"TeV"',
    b"null",
)
mutate = text_mutator(WORDS)

_ERRORS = (ValueError, TypeError)


def one(data: bytes) -> None:
    try:
        layers = {str(name): _arguments(state) for name, state in json.loads(data)["layers"].items()}
    except Exception:
        # The text is no state, or holds what numpy and astropy do not take.
        return
    found = {}
    for name, arguments in layers.items():
        mask = outcome(lambda arguments=arguments: _mask(*arguments), None, _ERRORS)
        if mask is None:
            return
        check_mask(mask)
        check_round_trip(mask)
        if pickle.loads(pickle.dumps(mask)) != mask:
            raise Fault("pickle", "a mask differs from its copy by pickle")
        for plane, (boundaries, _) in zip(mask.planes, arguments[0], strict=False):
            if not np.array_equal(plane.boundaries, boundaries):
                raise Fault("differs", f"{boundaries} became {plane.boundaries}")
        found[name] = mask
    if len(found) > 1:
        rebuild = MaskSet.__reduce__(MaskSet({"a": Mask.full(order=0)}))[0]
        masks = outcome(lambda: rebuild(list(found.items())), None, _ERRORS)
        if masks is not None:
            check_set(masks)


def _arguments(state: dict[str, Any]) -> tuple[Any, ...]:
    """The arguments of the reconstructors in a state."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        planes = [(_array(one["boundaries"]), one["order"]) for one in state["planes"]]
        axis = state["energy"]
        if axis is not None:
            unit = u.Unit(axis["unit"])
            axis = (np.array(axis["edges"], float), unit, axis["name"], axis["interp"], np.array(axis["nodes"], float))
    return planes, state["order"], state["frame"], axis, state["history"]


def _array(values: Any) -> Any:
    """The array that is in the pickle of a mask, or one of another type if the numbers are others."""
    try:
        return np.array(values, np.uint64)
    except (OverflowError, TypeError, ValueError):
        return np.array(values)


def _mask(planes: Any, order: Any, frame: Any, axis: Any, history: Any) -> Mask:
    example = masks()["energy"]
    of_set, of_axis, of_mask = (one.__reduce__()[0] for one in (example.planes[0], example.energy, example))
    energy = None if axis is None else of_axis(*axis)
    sets: tuple[RangeSet, ...] = tuple(of_set(*plane) for plane in planes)
    result: Mask = of_mask(Mask, sets, order, frame, energy, history)
    return result


def seeds() -> dict[str, bytes]:
    some = masks()
    return {
        "plain": _text(small=some["galactic"]),
        "energy": _text(one=some["energy"]),
        "linear": _text(one=some["linear"]),
        "set": _text(star=some["full"], halo=some["empty"]),
    }


def _text(**layers: Mask) -> bytes:
    return json.dumps({"layers": {name: _state(mask) for name, mask in layers.items()}}).encode()


def _state(mask: Mask) -> dict[str, Any]:
    axis = mask.energy
    energy = axis and {
        "edges": axis.edges.value.tolist(),
        "unit": axis.unit.to_string(),
        "name": axis.name,
        "interp": axis.interp,
        "nodes": nodes_of(axis).tolist(),
    }
    planes = [{"order": plane.order, "boundaries": plane.boundaries[:12].tolist()} for plane in mask.planes]
    return {"planes": planes, "order": mask.order, "frame": mask.frame, "energy": energy, "history": mask.history}
