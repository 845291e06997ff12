"""Catalogs in VOTable, against astropy."""

from __future__ import annotations

from fuzz.doors.catalogs import one_file, sources, written
from fuzz.mutators.packed import packing
from fuzz.mutators.texts import text_mutator

__all__ = ["WORDS", "mutate", "one", "seeds"]

_WORDS = (
    "<VOTABLE> <RESOURCE> </RESOURCE> <TABLE <FIELD <PARAM <DATA> <TABLEDATA> <BINARY> <BINARY2> <FITS> <STREAM "
    '<TR> <TD> </TD> </TR> datatype="double" datatype="char" datatype="bit" datatype="unicodeChar" arraysize="*" '
    'arraysize="3x2*" arraysize="100000000" nrows="9" nrows="2000000000" encoding="base64" '
    'href="http://127.0.0.1:9/x" ref="J2000" ucd="pos.eq.ra;meta.main" unit="deg" <COOSYS system="eq_FK4" <VALUES '
    'null="-99"> <!DOCTYPE <!ENTITY &a; <![CDATA[ value="1" name="ra" <GROUP> version="1.4" '
    'xmlns="http://www.ivoa.net/xml/VOTable/v1.3"'
)
WORDS = tuple(word.encode() for word in _WORDS.split())
mutate = packing(text_mutator(WORDS))


def one(data: bytes) -> None:
    one_file(data, ".vot", "votable")


def seeds() -> dict[str, bytes]:
    short = (
        b'<VOTABLE><RESOURCE><COOSYS ID="J2000" system="eq_FK5" equinox="J2000"/><TABLE><FIELD name="ra" ref="J2000" '
        b'ucd="pos.eq.ra;meta.main" unit="deg" datatype="double"/><FIELD name="dec" datatype="float"/><FIELD name="x" '
        b'datatype="char" arraysize="*"/><DATA><TABLEDATA><TR><TD>1</TD><TD>2</TD><TD>a</TD></TR></TABLEDATA></DATA>'
        b"</TABLE></RESOURCE></VOTABLE>"
    )
    return {
        "short": short,
        "plain": written(sources()[:3], "votable"),
        "binary": written(sources()[:3], "votable", tabledata_format="binary"),
        "binary2": written(sources()[:3], "votable", tabledata_format="binary2"),
    }
