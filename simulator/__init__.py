"""A local upstream that serves a market in the publishers' own formats; connectors cannot tell it from them."""

from simulator.folder import folder_market, user_files
from simulator.market import LATENT_SCHEMA, MARKET_SCHEMA, Market
from simulator.panel import PANEL_SCHEMA, Document, Panel
from simulator.server import Served, StandIn
from simulator.simulate import DEFAULT_SEED, simulate

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
