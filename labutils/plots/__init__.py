"""Pictures of the labs: one call, one idea, one style.

Importing this module sets that style for the student's own plots too.
Every function draws on `ax` (a new figure by default) and returns nothing, so it can end a notebook cell.
"""

from labutils.plots.laws import as_image, histogram_on_law, report_figure
from labutils.plots.style import BLUE, GREEN, GREY, ORANGE, PALETTE, PURPLE, RED, use_style

use_style()
