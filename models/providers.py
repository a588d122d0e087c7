"""The names of the engines, one Literal per capability. A new engine starts with its word here."""

from typing import Literal

VideoEngine = Literal["local"]
PlannerEngine = Literal["template"]
