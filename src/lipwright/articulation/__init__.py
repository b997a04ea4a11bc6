"""Speech to mouth shapes: listen to it, learn how a person speaks, and plan what their mouth does.

heard = listen(speech)                                     # 16 kHz mono in, 50 Hz out
style = speaking_style(coefficients, opening, times_s)     # from the person's own footage
adaptation = adapt(own_sound, style, agreement(...))       # where the footage has their speech
track = plan(heard, style, adaptation=adaptation)          # a MouthTrack for an engine
"""

from lipwright.articulation.adaptation import Adaptation, adapt
from lipwright.articulation.agreement import LEAST_TALK_S, SURE, Agreement, agreement
from lipwright.articulation.network import Heard, listen, listen_to
from lipwright.articulation.plan import plan, says_nothing
from lipwright.articulation.recall import heard_once
from lipwright.articulation.style import population_style, shut_at_rest, speaking_style

__all__ = [
    "LEAST_TALK_S",
    "SURE",
    "Adaptation",
    "Agreement",
    "Heard",
    "adapt",
    "agreement",
    "heard_once",
    "listen",
    "listen_to",
    "plan",
    "population_style",
    "says_nothing",
    "shut_at_rest",
    "speaking_style",
]
