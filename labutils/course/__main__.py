"""`python -m labutils.course`, see `labutils.course.cli`."""

import sys

from labutils.course.cli import main

sys.exit(main())
