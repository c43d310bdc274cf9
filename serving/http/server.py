"""Runs the application under uvicorn, on connections that are bounded in number and time."""

import logging.config
from typing import Any

import uvicorn
from fastapi import FastAPI

from regrade.serving.base.settings import Settings
from regrade.serving.connections.descriptors import limit
from regrade.serving.connections.limits import Limits
from regrade.serving.connections.protocol import GuardedProtocol
from regrade.serving.http.drain import DrainingServer


def build_server(app: FastAPI, settings: Settings) -> uvicorn.Server:
    """A server for `app`, not yet running."""
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http=GuardedProtocol,
        ws="none",
        lifespan="on",
        server_header=False,
        forwarded_allow_ips=settings.forwarded_allow_ips,
        access_log=settings.log_level == "debug",
        log_level=settings.log_level,
        log_config=_logging(settings.log_level.upper()),
    )
    return DrainingServer(app, config, settings, Limits.of(settings, limit()))


def set_up_logging(settings: Settings) -> None:
    """Log as the server will, for what is done before it is built."""
    logging.config.dictConfig(_logging(settings.log_level.upper()))


def _logging(level: str) -> dict[str, Any]:
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "loggers": {
            name: {"handlers": ["stderr"], "level": level, "propagate": False} for name in ("regrade", "uvicorn")
        },
    }
