"""Both engines that ship keep the contract that we ask of others."""

from __future__ import annotations

from lipwright.engines.rewrite import RewriteEngine
from lipwright.testing import EngineContract, StillEngine


class TestStill(EngineContract):
    engine = StillEngine


class TestRewrite(EngineContract):
    engine = RewriteEngine
