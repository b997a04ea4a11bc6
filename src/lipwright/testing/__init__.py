"""For the authors of engines and of voices: contracts to test yours against, small stand-ins for what surrounds it.

from lipwright.testing import EngineContract, VoiceContract

class TestMyEngine(EngineContract):
    engine = MyEngine

class TestMyVoices(VoiceContract):
    provider = MyVoices
"""

from lipwright.testing.contract import EngineContract
from lipwright.testing.stand_ins import Excerpt, HiddenFaces, RecordedFaces, babble
from lipwright.testing.still import StillEngine
from lipwright.testing.voice_contract import VoiceContract

__all__ = ["EngineContract", "Excerpt", "HiddenFaces", "RecordedFaces", "StillEngine", "VoiceContract", "babble"]
