"""For the authors of engines: a contract to test yours against, and small stand-ins for what surrounds it.

from lipwright.testing import EngineContract

class TestMyEngine(EngineContract):
    engine = MyEngine
"""

from lipwright.testing.contract import EngineContract
from lipwright.testing.stand_ins import Excerpt, HiddenFaces, RecordedFaces, babble
from lipwright.testing.still import StillEngine

__all__ = ["EngineContract", "Excerpt", "HiddenFaces", "RecordedFaces", "StillEngine", "babble"]
