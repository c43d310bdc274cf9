"""Commands of `regrade`, run in the process of a test."""

from typer.testing import CliRunner, Result

from regrade.serving.cli.main import build_app


def run_command(*arguments: object, code: int = 0) -> Result:
    """What a command comes to; what it raises is raised, and it must exit with `code`."""
    result = CliRunner().invoke(build_app(), [str(one) for one in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result
