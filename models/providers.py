"""The names of the engines, one Literal per capability. A new engine starts with its word here."""

from typing import Literal

VideoEngine = Literal["local"]
VideoModel = Literal["auto", "local", "draft"]
"""What a request or setting may ask for: an engine or a model by one of its accepted names."""

PlannerEngine = Literal["template"]
