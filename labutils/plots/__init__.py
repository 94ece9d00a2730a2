"""Pictures of the labs: one call, one idea, one style.

Importing this module sets that style for the student's own plots too.
Every function draws on `ax` (a new figure by default) and returns nothing, so it can end a notebook cell.
"""

from labutils.plots.chains import (
    acceptance_against_step,
    chain_and_histogram,
    cloud_animation,
    cloud_snapshots,
    densities_change,
    densities_with_scores,
    energy_and_density,
)
from labutils.plots.diffusion import (
    density_in_time,
    films,
    guesses,
    points_histogram,
    runs,
    there_and_back,
    two_histograms,
    undiffusion,
)
from labutils.plots.explore import explore
from labutils.plots.histograms import as_image, histogram_on_law, report_figure
from labutils.plots.images import (
    against_steps,
    chain_and_limit,
    digits,
    likelihoods,
    noising,
    samplers_on_law,
    training_log,
    two_ways_back,
)
from labutils.plots.style import BLUE, GREEN, GREY, ORANGE, PALETTE, PURPLE, RED, use_style
from labutils.plots.training import (
    guidance_curve,
    learned_guess,
    noise_samples,
    prompted_runs,
    training_losses,
    units_on,
)
from labutils.plots.trajectories import (
    path_grid,
    paths,
    paths_beside_density,
    power_law,
    variance_growth,
    vector_field,
)

use_style()
