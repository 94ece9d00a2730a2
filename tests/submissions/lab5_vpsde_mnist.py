"""Lab 5, whole wrong or partly right submissions: mutants applied together, and the exercises that must lose points."""

SUBMISSIONS = {
    "copied-from-a-public-repository": (
        [
            ("5.1", "cancellation in single precision"),
            ("5.5", "corrector: norm of the whole batch"),
            ("5.7", "offset 8 for data in [-1, 1]"),
        ],
        {"5.1", "5.5", "5.7"},
    ),
    "roots-forgotten": (
        [
            ("5.1", "variance for the standard deviation"),
            ("5.2", "variance multiplies the noise"),
            ("5.3", "sigma squared for sigma"),
            ("5.5", "h for its root"),
        ],
        {"5.1", "5.2", "5.3", "5.5"},
    ),
    "signs": (
        [
            ("5.1", "drift pushes away"),
            ("5.3", "score compared with the noise, not minus the noise"),
            ("5.5", "sign of the score"),
            ("5.6", "sign of the drift"),
            ("5.7", "sign of the divergence"),
        ],
        {"5.1", "5.3", "5.5", "5.6", "5.7"},
    ),
    "one-random-number-for-all": (
        [
            ("5.1", "one number for all pixels of an image"),
            ("5.2", "one noise for all images"),
            ("5.5", "one noise for all images"),
            ("5.7", "one probe for all images"),
        ],
        {"5.1", "5.2", "5.5", "5.7"},
    ),
    "sde-and-ode-mixed-up": (
        [("5.5", "half the score, as in the ODE"), ("5.6", "no half")],
        {"5.5", "5.6"},
    ),
    "noisy-pictures": (
        [("5.5", "sampler: noise kept at the end"), ("5.6", "solver: stops at t = 0.05")],
        {"5.5", "5.6"},
    ),
    "search-that-searches-nothing": (
        [("5.8", "learning rate never arrives")],
        {"5.8"},
    ),
    "only-the-bonus-wrong": ([("5.9", "starts from the prompted score")], {"5.9"}),
}
