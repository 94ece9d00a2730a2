"""nbgrader's configuration of a student: its defaults. nbgrader warns where it finds no file of this name."""
