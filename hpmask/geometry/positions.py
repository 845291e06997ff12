"""Positions from text."""

from __future__ import annotations

import math

from astropy import units as u
from astropy.coordinates import SkyCoord

from hpmask.geometry import frames

__all__ = ["parse_position"]


def parse_position(text: str, frame: str = "icrs") -> SkyCoord:
    """Read a position from text.

    Parameters
    ----------
    text : str
        Longitude and latitude, separated by a blank or a comma: two numbers in degrees, ``"83.63 22.01"``, or
        sexagesimal, ``"05h34m32s +22d00m52s"`` or ``"05:34:32 +22:00:52"``. With colons, the longitude is in hours in
        ICRS and in degrees in the Galactic frame.
    frame : {"icrs", "galactic"}, optional
        Frame of the position.

    Returns
    -------
    `~astropy.coordinates.SkyCoord`, scalar
        The position, in `frame`.

    Raises
    ------
    ValueError
        If the text is not a position, or `frame` is another one.

    Examples
    --------
    >>> from hpmask.geometry import parse_position
    >>> parse_position("184.557 -5.784", "galactic")
    <SkyCoord (Galactic): (l, b) in deg
        (184.557, -5.784)>
    """
    frame = frames.check_frame(frame)
    words = text.replace(",", " ").split()
    why = ""
    try:
        if len(words) == 2 and all(_is_number(word) for word in words):
            lon, lat = (float(word) for word in words)
            if not (math.isfinite(lon) and math.isfinite(lat)):
                why = ", which is not finite"
            elif abs(lat) > 90:
                why = ", whose latitude is not from -90 to 90 deg"
            if why:
                raise ValueError(why)
            return SkyCoord(lon, lat, unit="deg", frame=frame)
        if ":" in text:
            return SkyCoord(" ".join(words), unit=("hourangle" if frame == "icrs" else "deg", "deg"), frame=frame)
        return SkyCoord(" ".join(words), frame=frame)
    except (ValueError, u.UnitsError):
        raise ValueError(
            f"a position must be like '83.63 22.01' (degrees) or '05h34m32s +22d00m52s', got {text!r}{why}"
        ) from None


def _is_number(word: str) -> bool:
    """Whether a word is a plain number."""
    try:
        float(word)
    except ValueError:
        return False
    return True
