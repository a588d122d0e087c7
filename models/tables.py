"""All tables in one place, for whoever needs the whole schema (migrations and start-up checks)."""

from sqlmodel import SQLModel

from models.assets import Asset
from models.campaigns import Campaign, Client
from models.events import Event
from models.jobs import Job, Scene
from models.objects import StoredObject
from models.predictions import Prediction

TABLES = (Client, Campaign, StoredObject, Asset, Job, Scene, Prediction, Event)
METADATA = SQLModel.metadata
