"""For the tests of programs that talk to a gateway: a real one, over scripted models, in the test's process.

Duty: `scripted_gateway`, and the words that say what becomes of a prompt. It must not know the terminal, and
no room may import it: what serves people never depends on what serves tests.
"""

from gateway.testing.parts import Word
from gateway.testing.server import ScriptedGateway, scripted_gateway

__all__ = ["ScriptedGateway", "Word", "scripted_gateway"]
