# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True, initializedcheck=False
"""Constants that kernels share."""

from libc.stdint cimport uint64_t

cdef extern from *:
    """
    /* One past the last cell of order 29. */
    #define HPMASK_END ((uint64_t) 12 << 58)
    /* Times nside: no cell's corner is farther from its centre. healpix.cell_radius takes it from here. */
    #define HPMASK_CELL_RADIUS 1.07
    /* Times nside: a lower bound of the distance from a cell to the sky beyond its neighbours, from order 1 on. Next to
       the corners of the polar caps the distance falls with the order from 0.750 towards 0.689. */
    #define HPMASK_COVER 0.65
    /* Radians: a position this close to an edge is on it. Half a unit in the 15th digit of 360 deg is 8.7e-15 rad, and
       what rounding does to a position on its way here is less; a cell of order 29 is 2e-9 rad wide. */
    #define HPMASK_TIE 1e-14
    """
    const uint64_t END "HPMASK_END"
    const double CELL_RADIUS "HPMASK_CELL_RADIUS"
    const double COVER "HPMASK_COVER"
    const double TIE "HPMASK_TIE"


cdef enum:
    MAX_ORDER = 29      # the order whose cells the boundaries of sets are counted in


cdef enum Mode:
    # Which cells count as in a shape.
    CENTER = 0          # those whose centre is inside
    OVERLAP = 1         # those that share sky with the shape
    INSIDE = 2          # those that are fully inside
