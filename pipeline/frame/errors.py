"""The errors a user can cause or meet, each with its exit code.

The command line turns them into one line on stderr; anything else is our bug (exit 1).
"""


class PipelineError(Exception):
    """Something the user can act on. `str(error)` says what, where and what to do."""

    exit_code = 1

    @property
    def lines(self) -> list[str]:
        """What to say, a line each."""
        return [str(self)]


class ConfigError(PipelineError):
    """The config or the command line is wrong; one problem a line."""

    exit_code = 2

    def __init__(self, problems: str | list[str]) -> None:
        self.problems = [problems] if isinstance(problems, str) else problems
        super().__init__("\n".join(self.problems))

    @property
    def lines(self) -> list[str]:
        return self.problems


class DataError(PipelineError):
    """The data cannot be used as they are."""

    exit_code = 3


class ArtifactError(PipelineError):
    """A file under results/ is missing, damaged or belongs to something else."""

    exit_code = 4


class LockedError(PipelineError):
    """Another process works in the same results folder."""

    exit_code = 5


class NetworkError(PipelineError):
    """A download failed."""

    exit_code = 6


class ResourceError(PipelineError):
    """Out of disk space or memory."""

    exit_code = 7


class CheckError(PipelineError):
    """More labels are wrong than a check allows."""

    exit_code = 9
