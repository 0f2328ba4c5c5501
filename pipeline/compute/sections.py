"""The section `compute` of a config as a type."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator

from pipeline.frame.section import Count, Section, about


def check_address(address: str) -> str:
    """Return `address` if it is HOST:PORT.

    Raises:
        ValueError: it is not.
    """
    host, _, port = address.rpartition(":")
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]+\]", host):
        raise ValueError("must be HOST:PORT")
    if not re.fullmatch(r"[0-9]{1,5}", port) or not 0 < int(port) < 65536:
        raise ValueError("must be HOST:PORT, with a port from 1 to 65535")
    return address


class Compute(Section):
    workers: Annotated[
        Literal["auto"] | Count, about("processes, one training thread each: auto, or a number")
    ]
    device: Annotated[
        Literal["auto", "cpu", "gpu"],
        about("auto: the CPU for fasttext, else a GPU where there is one"),
    ]
    engine: Annotated[
        Literal["local", "ray"],
        about("local: processes of this machine | ray: tasks of a Ray cluster"),
    ]
    address: Annotated[
        Annotated[str, AfterValidator(check_address)] | None,
        about("HOST:PORT of the Ray cluster to join; null: one on this machine"),
    ]
