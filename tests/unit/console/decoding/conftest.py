import importlib.util
from pathlib import Path

import pytest

_spec = importlib.util.spec_from_file_location("fake_registry", Path(__file__).with_name("fake_registry.py"))
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)


@pytest.fixture
def registry():
    with _module.fake_registry() as registry:
        yield registry
