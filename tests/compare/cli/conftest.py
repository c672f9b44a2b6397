"""The command as a user meets it."""

import pytest

from compare import cli


@pytest.fixture
def compare(capsys):
    """Run the command; returns its exit code and what it printed on each stream."""

    def run(*arguments):
        code = cli.main([str(each) for each in arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run
