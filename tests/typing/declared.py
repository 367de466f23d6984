"""What a type checker must accept: each example is the protocol that it is written for."""

from __future__ import annotations

from plugin_classifier import ShoutingClassifier
from plugin_generator import PlainGenerator
from plugin_rewriter import BlankingRewriter

from classifiers.fakes import ScriptedClassifier
from classifiers.protocol import Classifier, ClassifierFactory
from gateway.core.ports import ImageGenerator, Rewriter
from gateway.generation.fakes import Draw, ScriptedGenerator
from gateway.rewriting.fakes import ScriptedRewriter

classifier: Classifier = ShoutingClassifier("shouting", 12)
factory: ClassifierFactory = ShoutingClassifier.from_options
rewriter: Rewriter = BlankingRewriter("something")
generator: ImageGenerator = PlainGenerator("plain")

scripted_classifier: Classifier = ScriptedClassifier(always={"violence": 0.9})
scripted_rewriter: Rewriter = ScriptedRewriter(["a blue car"])
scripted_generator: ImageGenerator = ScriptedGenerator([Draw()])
