"""Sliders over a picture, and the picture alone where no widget runs (GitHub, HTML, the feedback)."""

import matplotlib.pyplot as plt

from labutils.plots.histograms import as_image

SYMBOLS = {"delta": "δ", "beta_max": "β max", "theta": "θ", "sigma": "σ", "alpha_bar": "ᾱ"}


def explore(draw, **sliders):
    """Show draw(**values) and redraw it whenever a slider is moved.

    draw: a function that makes one matplotlib picture, for instance by a call into `labutils.plots`.
    sliders: name=(low, high, start), whole numbers if all three are; or name=[choices], which starts at the first.
    The picture is an output of its own, so a page without widgets still shows it, at the start values.
    Raises ValueError for a slider that is neither.
    """
    from IPython.display import display  # late: plain scripts and graders need neither
    from ipywidgets import VBox

    controls = {name: _slider(name, choice) for name, choice in sliders.items()}

    def picture():
        draw(**{name: control.value for name, control in controls.items()})
        figure = plt.gcf()
        image = as_image(figure)
        plt.close(figure)
        return image

    first = picture()
    display(_Panel(VBox(list(controls.values()))))
    shown = display(first, display_id=True)
    for control in controls.values():
        control.observe(lambda change: shown.update(picture()), names="value")


class _Panel:
    """A box of sliders; as plain text it says that there are some."""

    def __init__(self, box):
        self.box = box

    def _repr_mimebundle_(self, **options):
        names = ", ".join(f"{slider.description} = {slider.value}" for slider in self.box.children)
        return {**self.box._repr_mimebundle_(), "text/plain": f"{names} (a slider in a running notebook)"}


def _slider(name, choice):
    import ipywidgets

    options = {"description": SYMBOLS.get(name, name), "continuous_update": False}
    if isinstance(choice, list) and choice:
        return ipywidgets.SelectionSlider(options=choice, **options)
    if not isinstance(choice, tuple) or len(choice) != 3 or not choice[0] <= choice[2] <= choice[1]:
        raise ValueError(f"slider {name} needs (low, high, start) or a list of choices, got {choice!r}")
    low, high, start = choice
    if all(isinstance(number, int) for number in choice):
        return ipywidgets.IntSlider(start, low, high, **options)
    return ipywidgets.FloatSlider(start, min=low, max=high, step=(high - low) / 100, readout_format=".3g", **options)
