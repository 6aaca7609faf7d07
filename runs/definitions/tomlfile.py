"""Reading TOML that may be anything: what cannot be read is refused, whatever its bytes are."""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from darkbattery.nvmodel.refusal import InputError

MOST_BYTES = 1 << 26  # 64 MB: a definition of a million output times takes 20
# a key of 100,000 dotted parts makes the parser take all memory
_LONG_KEY = re.compile(r"""(?<![\w"'-])(?:[\w"'-]+[ \t]*\.[ \t]*){100}""")


def as_in_toml(content: Any) -> Any:
    """Tables and lists as TOML has them, of what Python has: tuples, ranges, numpy's arrays.

    >>> as_in_toml({"nbar": np.array([0.0, 1.0]), "method": ("steady",)})
    {'nbar': [0.0, 1.0], 'method': ['steady']}
    """
    if isinstance(content, Mapping):
        return {key: as_in_toml(value) for key, value in content.items()}
    if isinstance(content, (np.ndarray, np.generic)):
        return content.tolist()
    if isinstance(content, (list, tuple, range)):
        return [as_in_toml(value) for value in content]
    return content


def read_toml(field: str, path: Path) -> dict[str, Any]:
    """The content of the TOML file `path`; InputError, naming `field`, if it cannot be read."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise InputError(field, str(path), f"is larger than {MOST_BYTES >> 20} MB")
        text = path.read_bytes().decode("utf-8-sig")
        if _LONG_KEY.search(text):
            raise InputError(field, str(path), "is not TOML: a key of more than 100 parts")
        return tomllib.loads(text)
    except OSError as error:
        raise InputError(field, str(path), f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InputError(field, str(path), "is not TOML: it is not text in UTF-8") from None
    except RecursionError:
        raise InputError(field, str(path), "is not TOML: nested too deeply") from None
    except InputError:
        raise
    except ValueError as error:  # of the parser; also numbers of more than 4300 digits
        raise InputError(field, str(path), f"is not TOML: {error}") from None
