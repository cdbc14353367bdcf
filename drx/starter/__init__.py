"""A first drx.yaml, with the shipped runbooks and drills that fit it, out of a few answers. Pure: text out."""

from drx.starter.answers import (
    Answers,
    Atlas,
    Bucket,
    Directory,
    Host,
    LocalHost,
    Place,
    Production,
    RailwayHost,
    SystemdHost,
    Zone,
    sandbox_answers,
)
from drx.starter.files import Starter, make_starter
from drx.starter.given import read_answers

__all__ = [
    "Answers",
    "Atlas",
    "Bucket",
    "Directory",
    "Host",
    "LocalHost",
    "Place",
    "Production",
    "RailwayHost",
    "Starter",
    "SystemdHost",
    "Zone",
    "make_starter",
    "read_answers",
    "sandbox_answers",
]
