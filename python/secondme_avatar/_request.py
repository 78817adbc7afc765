"""Bodies and answers of calls that the library does not know, as JSON."""

from __future__ import annotations

import json
from typing import Any

from ._errors import MisuseError


def body_text(body: Any) -> str | None:
    """Returns the body as a JSON text; ``None`` where there is none."""
    if body is None:
        return None
    try:
        return json.dumps(body, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise MisuseError(f"the body cannot be written as JSON: {error}") from error
