"""One way to hash a JSON document."""

import hashlib
import json
from typing import Any


def canonical_hash(document: Any) -> str:
    """Return the SHA-256, in hex, of the document as JSON with sorted keys and no spaces."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
