"""All tables in one place, for whoever needs the whole schema (migrations and start-up checks)."""

from sqlmodel import SQLModel

from models.assets import Asset
from models.campaigns import Campaign, Client
from models.events import Event
from models.idempotency import IdempotentRequest
from models.jobs import Job, Scene
from models.objects import ObjectChunk, StoredObject
from models.predictions import Prediction
from models.slots import ConcurrencySlot
from models.stages import StageResult
from models.users import ApiKey, User

TABLES = (
    Client, Campaign, StoredObject, ObjectChunk, Asset, Job, Scene, Prediction, Event, IdempotentRequest, StageResult,
    ConcurrencySlot, User, ApiKey,
)  # fmt: skip
METADATA = SQLModel.metadata
