"""Lab 2, whole wrong or partly right submissions: mutants applied together, and the exercises that must lose points."""

SUBMISSIONS = {
    "physics-book-units": (
        [
            ("2.1", "root of 2 delta, as in physics books"),
            ("2.3", "1 / (4 delta), as in physics books"),
            ("2.4", "root of 2 delta"),
            ("2.6", "both without their half"),
            ("2.7", "half forgotten"),
        ],
        {"2.1", "2.3", "2.4", "2.6", "2.7"},
    ),
    "copied-from-a-public-course": (
        [
            ("2.2", "ratio: unclipped e^(-rise)"),
            ("2.3", "1 / (2 delta) outside the exponential"),
            ("2.7", "density for the score"),
        ],
        {"2.2", "2.3", "2.7"},
    ),
    "wrong-way-down-the-hill": (
        [
            ("2.1", "wrong sign of the force"),
            ("2.2", "wrong sign of the rise"),
            ("2.3", "energies exchanged"),
            ("2.4", "wrong sign of the force"),
            ("2.5", "start and end exchanged"),
            ("2.6", "wrong sign of the force"),
            ("2.7", "downhill in probability"),
        ],
        {"2.1", "2.2", "2.3", "2.4", "2.5", "2.6", "2.7"},
    ),
    "one-random-number-for-all": (
        [
            ("2.1", "one number for all particles"),
            ("2.2", "one uniform number for all particles"),
            ("2.4", "one uniform number for all particles"),
        ],
        {"2.1", "2.2", "2.4"},
    ),
    "refused-moves-forgotten": (
        [("2.2", "refused particles are left out"), ("2.4", "refused moves are made all the same")],
        {"2.2", "2.4"},
    ),
    "right-chain-wrong-ratio": (
        [("2.2", "ratio: of the last move"), ("2.4", "ratio: of refused moves")],
        {"2.2", "2.4"},
    ),
    "clips-too-early": ([("2.3", "clipped at 0"), ("2.5", "clipped")], {"2.3", "2.5"}),
    "never-refuses-bad-input": (
        [("2.1", "delta not checked"), ("2.2", "step not checked"), ("2.4", "delta not checked")],
        {"2.1", "2.2", "2.4"},
    ),
    "seeds-fixed-inside": (
        [("2.1", "a seed inside"), ("2.2", "a seed inside"), ("2.4", "a seed inside")],
        {"2.1", "2.2", "2.4"},
    ),
}
