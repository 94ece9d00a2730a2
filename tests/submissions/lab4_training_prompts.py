"""Lab 4, whole wrong or partly right submissions: mutants applied together, and the exercises that must lose points."""

SUBMISSIONS = {
    "raw-time-everywhere": (
        [("4.2", "raw t"), ("4.4", "raw t"), ("4.5", "raw t in the guess"), ("4.6", "raw t")],
        {"4.2", "4.4", "4.5", "4.6"},
    ),
    "time-runs-backwards": ([("4.2", "t reversed"), ("4.4", "t reversed")], {"4.2", "4.4"}),
    "the-wrong-noise": (
        [("4.2", "fresh noise as the target"), ("4.4", "minus the guess"), ("4.5", "fresh noise as the target")],
        {"4.2", "4.4", "4.5"},
    ),
    "copied-from-a-public-course": (
        [("4.2", "alpha_bar as the mean"), ("4.4", "the score in the place of the noise"), ("4.6", "1 + w")],
        {"4.2", "4.4", "4.6"},
    ),
    "shapes-that-broadcast": (
        [
            ("4.1", "answers (B,) for (B, 1)"),
            ("4.2", "target of shape (n,)"),
            ("4.3", "loss before the shape is checked"),
        ],
        {"4.1", "4.2", "4.3"},
    ),
    "never-resets-the-gradient": ([("4.3", "no zero_grad")], {"4.3"}),
    "in-a-hurry": ([("4.3", "100 steps only"), ("4.5", "a net that was not trained")], {"4.3", "4.5"}),
    "diverged": ([("4.3", "training diverged")], {"4.3"}),
    "deaf-to-prompts": (
        [("4.5", "random in the batch"), ("4.5", "prompt ignored in the guess"), ("4.6", "weight ignored")],
        {"4.5", "4.6"},
    ),
    "left-and-right-swapped": ([("4.5", "prompts swapped"), ("4.6", "roles swapped")], {"4.5", "4.6"}),
    "one-random-number-for-all": (
        [("4.2", "one noise for the whole batch"), ("4.6", "one coin for the whole batch")],
        {"4.2", "4.6"},
    ),
}
