"""nbgrader's configuration, read by its commands, by formgrader (JupyterLab started here) and by labutils.course."""

import os
import sys
from pathlib import Path

from nbconvert.preprocessors import ClearMetadataPreprocessor, CSSHTMLHeaderPreprocessor
from nbgrader import preprocessors as stock

from labutils.course import pages, paths
from labutils.course import preprocessors as ours
from labutils.course.reading import SubmissionExporter

c = get_config()  # noqa: F821
root = Path(__file__).resolve().parent
paths.take_literally(root)
(root / "build").mkdir(exist_ok=True)  # without it, the first command stops with a misleading database error
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])  # nbgrader calls alembic

c.CourseDirectory.course_id = "diffusion-labs"
c.CourseDirectory.root = str(root)
c.CourseDirectory.db_url = os.environ.get("GRADEBOOK_URL") or paths.sqlite_url(root / "build" / "gradebook.db")
c.CourseDirectory.source_directory = "notebooks"
c.CourseDirectory.release_directory = "build/release"
c.CourseDirectory.submitted_directory = "build/submitted"
c.CourseDirectory.autograded_directory = "build/autograded"
c.CourseDirectory.feedback_directory = "build/feedback"

c.ClearSolutions.code_stub = {"python": '# YOUR CODE HERE\nraise NotImplementedError("your code goes here")'}
c.ClearSolutions.text_stub = "*Your answer here.*"

c.Judge.timeout = 120  # seconds per cell; `ours.Judge` has the other limits of a submission
c.Autograde.sanitize_preprocessors = [ours.Judge]  # executes, so that what follows only records
c.Autograde.autograde_preprocessors = [
    ClearMetadataPreprocessor,
    stock.LimitOutput,
    stock.SaveAutoGrades,
    stock.AssignLatePenalties,
    stock.CheckCellMetadata,
]
c.Autograde.exporter_class = SubmissionExporter
c.Autograde.post_convert_hook = pages.remove_unserved
c.HTMLExporter.filters = {"markdown2html": pages.markdown2html, "clean_html": pages.clean_html}
c.GenerateFeedback.preprocessors = [stock.GetGrades, ours.HideTests, CSSHTMLHeaderPreprocessor]
