"""Which planner is at work: the language model whose key is set, else the rules."""

from typing import TYPE_CHECKING, assert_never

from models.providers import PlannerEngine
from models.storyboard import CreativeBrief, Pairing
from providers.planner.base import Planner
from providers.planner.property import PropertyPlanner, TemplatePropertyPlanner
from providers.planner.template import TemplatePlanner
from settings import Settings

if TYPE_CHECKING:
    from providers.planner.chat import ChatModel


def planner_engine(settings: Settings, pairing: Pairing) -> PlannerEngine:
    """Return who plans: xAI where its key is set, else OpenAI where that one's is, else the rules.

    Planning by looks (``visual``) is always done by rule: a language model is shown no pictures.
    """
    if pairing == "visual":
        return "template"
    if settings.xai_key:
        return "xai"
    return "openai" if settings.openai_key else "template"


def pair_planner(engine: PlannerEngine, pairing: Pairing, brief: CreativeBrief, settings: Settings) -> Planner:
    """Return the planner of image pairs."""
    if engine == "template":
        return TemplatePlanner(pairing)
    from providers.planner.chat_pairs import ChatPairPlanner

    return ChatPairPlanner(_chat_model(engine, settings), brief)


def property_planner(
    engine: PlannerEngine, pairing: Pairing, brief: CreativeBrief, settings: Settings
) -> PropertyPlanner:
    """Return the planner of property videos."""
    if engine == "template":
        return TemplatePropertyPlanner(pairing)
    from providers.planner.chat_property import ChatPropertyPlanner

    return ChatPropertyPlanner(_chat_model(engine, settings), brief)


def _chat_model(engine: PlannerEngine, settings: Settings) -> "ChatModel":
    from providers.planner.chat import ChatAccess, ChatModel  # a second to import, and without a key for nothing

    match engine:
        case "xai":
            access = ChatAccess(engine, settings.xai_base_url, settings.xai_key, settings.xai_model)
        case "openai":
            access = ChatAccess(engine, settings.openai_base_url, settings.openai_key, settings.openai_model)
        case "template":
            raise ValueError("the template planner asks no model")
        case _:
            assert_never(engine)
    return ChatModel(access, settings.planner_timeout_seconds)
