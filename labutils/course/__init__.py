"""The way to the grade: release a lab to students, grade what they hand in, write feedback, export the grades.

`python -m labutils.course --help` lists the commands; the Makefile calls them. nbgrader does the work and keeps the
records; `nbgrader_config.py` plugs in what `preprocessors` adds, so nbgrader's own commands and formgrader agree.
"""
