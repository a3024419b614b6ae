"""The analyses: one table of their questions.

Command line, API, Python's methods and docs/analyses.md are made from it, or tested against it.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from ims.analyse.question import Analysis
from ims.analyse.questions.cache import QUESTION as CACHE
from ims.analyse.questions.chain import QUESTION as CHAIN
from ims.analyse.questions.circadian import QUESTION as CIRCADIAN
from ims.analyse.questions.exchange import QUESTION as EXCHANGE
from ims.analyse.questions.local_preference import QUESTION as LOCAL_PREFERENCE
from ims.analyse.questions.new_payloads import QUESTION as NEW_PAYLOADS
from ims.analyse.questions.outbreak import QUESTION as OUTBREAK
from ims.analyse.questions.ports import QUESTION as PORTS
from ims.analyse.questions.rate import QUESTION as RATE
from ims.analyse.questions.signature import QUESTION as SIGNATURE
from ims.analyse.questions.storage import QUESTION as STORAGE

_TABLE = (RATE, LOCAL_PREFERENCE, SIGNATURE, PORTS, STORAGE, CACHE, NEW_PAYLOADS, OUTBREAK, CHAIN, CIRCADIAN, EXCHANGE)
ANALYSES: Mapping[str, Analysis] = MappingProxyType({each.name: each for each in _TABLE})


def functions(analysis: Analysis) -> Any:
    """The module `analysis` in the package of an analysis, which has its functions: `data(evidence, options)` asks;
    `model(data)` estimates, and returns a Finding; `figure(result)` draws, and `plot(result, width, unicode)` as text:
    None where there is nothing to draw."""
    return importlib.import_module(f"ims.analyse.{analysis.method}.analysis")
