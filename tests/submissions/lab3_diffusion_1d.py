"""Lab 3, whole wrong or partly right submissions: mutants applied together, and the exercises that must lose points."""

SUBMISSIONS = {
    "roots-forgotten": (
        [
            ("3.1", "no root on beta"),
            ("3.2", "1 - ᾱ as the noise scale"),
            ("3.3", "ᾱ for its root"),
            ("3.4", "variance for the spread"),
            ("3.6", "1 - ᾱ for its root"),
        ],
        {"3.1", "3.2", "3.3", "3.4", "3.6"},
    ),
    "off-by-one-everywhere": (
        [
            ("3.1", "beta off by one"),
            ("3.2", "off by one"),
            ("3.3", "off by one"),
            ("3.4", "walk: one step too far"),
            ("3.5", "off by one"),
            ("3.6", "off by one"),
        ],
        {"3.1", "3.2", "3.3", "3.4", "3.5", "3.6"},
    ),
    "one-random-number-for-all": (
        [
            ("3.1", "one noise for all particles"),
            ("3.2", "one noise for all particles"),
            ("3.4", "one noise for all particles"),
            ("3.5", "data: one draw for all"),
        ],
        {"3.1", "3.2", "3.4", "3.5"},
    ),
    "copied-from-a-public-course": (
        [("3.4", "x_t added once too often"), ("3.4", "no-noise rule backwards"), ("3.2", "theory: N(0, 1)")],
        {"3.2", "3.4"},
    ),
    "nearest-point": ([("3.5", "the nearest point")], {"3.5"}),
    "starts-the-walk-from-pure-noise": (
        [("3.4", "walk: starts from N(0, 1)"), ("3.2", "theory: N(0, 1)")],
        {"3.2", "3.4"},
    ),
    "never-refuses-bad-input": (
        [("3.1", "any schedule goes"), ("3.2", "any time goes"), ("3.4", "any time goes"), ("3.5", "0/0 far out")],
        {"3.1", "3.2", "3.4", "3.5"},
    ),
    "seeds-fixed-inside": (
        [
            ("3.1", "seed fixed inside"),
            ("3.2", "seed fixed inside"),
            ("3.4", "seed fixed inside the step"),
            ("3.5", "data: seed fixed inside"),
        ],
        {"3.1", "3.2", "3.4", "3.5"},
    ),
}
