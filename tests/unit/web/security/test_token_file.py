"""A token that is kept: made once, for its owner only, and not taken from where others could have read it."""

import os
import stat

import pytest

from console.errors import OperatorError
from web.security.token_file import kept_token


def test_it_is_made_once_and_for_its_owner_only(tmp_path):
    path = tmp_path / "token"
    before = os.umask(0)
    try:
        token = kept_token(str(path))
    finally:
        os.umask(before)
    assert len(token) >= 40
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert kept_token(str(path)) == token


def test_one_that_somebody_chose_will_do_when_it_is_long_enough(tmp_path):
    path = tmp_path / "token"
    path.touch(0o600)
    path.write_text("correct-horse-battery.staple\n")
    assert kept_token(str(path)) == "correct-horse-battery.staple"


@pytest.mark.parametrize("text", ["", "short", "correct horse battery staple", "x" * 600, "a&token=b" * 5, "é" * 30])
def test_what_is_no_token_is_refused_and_not_repeated(tmp_path, text):
    path = tmp_path / "token"
    path.touch(0o600)
    path.write_text(text, encoding="utf-8")
    with pytest.raises(OperatorError, match="is no token") as refused:
        kept_token(str(path))
    assert not text or text not in repr(vars(refused.value))


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o620])
def test_one_that_others_can_read_or_write_is_refused(tmp_path, mode):
    path = tmp_path / "token"
    kept_token(str(path))
    path.chmod(mode)
    with pytest.raises(OperatorError, match="for others") as refused:
        kept_token(str(path))
    assert refused.value.hint == f"chmod 600 {path}"


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(OperatorError, match="cannot write the token"):
        kept_token(str(tmp_path / "nowhere" / "token"))
    with pytest.raises(OperatorError, match="cannot read the token"):
        kept_token(str(tmp_path))
