"""A local upstream that serves a market in the publishers' own formats; connectors cannot tell it from them."""

from ingest.standin.folder import folder_market, user_files
from ingest.standin.market import LATENT_SCHEMA, MARKET_SCHEMA, Market
from ingest.standin.panel import PANEL_SCHEMA, Document, Panel
from ingest.standin.server import Served, StandIn
from ingest.standin.simulate import DEFAULT_SEED, simulate

__all__ = [
    "DEFAULT_SEED",
    "LATENT_SCHEMA",
    "MARKET_SCHEMA",
    "PANEL_SCHEMA",
    "Document",
    "Market",
    "Panel",
    "Served",
    "StandIn",
    "folder_market",
    "simulate",
    "user_files",
]
