"""The equation that a result solves, as MathML, which every browser draws by itself."""

from latex2mathml.converter import convert

from nvmodel import CollectiveBattery
from nvmodel.dicke import DickeBattery
from runs.models import Model

COLLECTIVE = r"\dot\rho = \gamma(\bar n+1)\,D[J^-]\rho + \gamma\bar n\,D[J^+]\rho"
DETUNED = r" - i\Delta\,[J_B^z,\rho]"
LOCAL = (
    r" + \sum_n\left(g_\phi D[\sigma^z_n/2]"
    r"+g_\downarrow D[\sigma^-_n]+g_\uparrow D[\sigma^+_n]\right)\rho"
)
RESONATOR = (
    r"H/\hbar = \sum_k D_k\tfrac{\sigma^z_k}{2} + D_c a^\dagger a"
    r" + \sum_k g_k(a^\dagger\sigma^-_k+\sigma^+_k a)"
)

DICKE = r"H/\hbar\omega = a^\dagger a + J_z + 2\lambda J_x(a^\dagger+a)"


def equation(model: Model) -> str:
    """MathML of the model's equation of motion."""
    if isinstance(model, DickeBattery):
        return convert(DICKE, display="block")
    if not isinstance(model, CollectiveBattery):
        return convert(RESONATOR, display="block")
    text = COLLECTIVE
    if model.detuning != 0.0:
        text += DETUNED
    if "battery_noise" in model.beyond_collective or "charger_noise" in model.beyond_collective:
        text += LOCAL
    return convert(text, display="block")


def explanation(model: Model) -> str:
    """The symbols of `equation` in words."""
    if isinstance(model, CollectiveBattery):
        return (
            "J± = J_B± + J_C± of battery and charger, γ the collective rate, n̄ the reservoir's "
            "photons (Quach and Munro 2020, Eq. (2); D is the standard dissipator)."
        )
    if isinstance(model, DickeBattery):
        return (
            "N spins, all down, and a resonator with N photons, closed (Ferraro et al. 2018); in "
            "parallel, one photon and one resonator for each spin."
        )
    return (
        "Spins k of battery and charger at one resonator mode a, whose energy decays at κ "
        "(Tavis and Cummings 1968)."
    )
