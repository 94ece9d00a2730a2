"""Exact laws and solutions that answer exercises: for hidden tests and this course's own tests.

Nothing here reaches a student: it is in no bundle, no released notebook imports it, and the sandbox hides it.
"""

from labutils.reference.points import expected_noise
