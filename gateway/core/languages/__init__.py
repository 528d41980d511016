"""What workers are told, one module per language, each with the keys and blanks of `en`.

A new language is a copy of en.py with its sentences put into that language, and a line here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from gateway.core.languages import en, zh

ENGLISH: Final = "en"
LANGUAGES: Final[Mapping[str, Mapping[str, str]]] = {ENGLISH: en.MESSAGES, "zh": zh.MESSAGES}
