"""The equation that a result solves, as MathML, which every browser draws by itself."""

from latex2mathml.converter import convert

from darkbattery.runs.definitions.models import Model


def equation(model: Model) -> str:
    """MathML of the model's equation of motion."""
    return convert(model.equation, display="block")
