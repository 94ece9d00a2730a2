"""Run one notebook of an untrusted author, and its tests out of the author's reach: `run(job)`.

Nothing here knows a course or nbgrader. A `Job` says everything that the results depend on; `cache.Cache` keeps results
by the hash of their job. `ARCHITECTURE.md` draws the processes and the trust boundary.
"""

from labutils.judge.job import Cell, CellResult, Job, Limits


def run(job: Job) -> list[CellResult]:
    """Run the cells of a job, those of the student in the sandbox and the tests outside it.

    Returns one result per cell, also for a job that crashes or runs out of time. Raises `sandbox.SandboxError`, in one
    line, where no sandbox can be made.
    """
    from labutils.judge import pool  # late: the processes in the sandbox import this package too

    return pool.pool_for(job.modules, job.limits).run(job)
