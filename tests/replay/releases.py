"""Pairs of consecutive releases, and how a team would have cut what lies between them.

Hunks that only make sense together are one job; a job whose tests would be red alone needs the job that makes them green.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.replay.cutting import Job


@dataclass(frozen=True)
class Release:
    """``old`` and ``new`` are versions, each with the SHA-256 of its source distribution."""

    package: str
    old: tuple[str, str]
    new: tuple[str, str]
    jobs: tuple[Job, ...]


CACHETOOLS = Release(
    "cachetools",
    ("5.5.2", "1a661caa9175d26759571b2e19580f9d6393969e5dfca11fdb1f947a23e640d4"),
    ("6.0.0", "f225782b84438f828328fc2ad74346522f27e5b1440f4e9fd18b20ebfd1aa2cf"),
    (
        Job("functions", "Wrap functions with a condition", ("src/cachetools/_cached.py",)),
        Job("methods", "Wrap methods with a condition", ("src/cachetools/_cachedmethod.py",)),
        Job(
            "condition",
            "Accept a condition in the decorators",
            ("src/cachetools/__init__.py#6-7", "tests/test_cached.py#1-3", "tests/test_cachedmethod.py#1-4,6-7"),
            ("functions", "methods"),
        ),
        Job("attributes", "Test the attributes of conditioned wrappers", ("tests/test_cached.py#4-5",), ("condition",)),
        Job("clearing", "Test clearing under a condition", ("tests/test_cached.py#6",), ("condition",)),
        Job("info", "Test statistics under a condition", ("tests/test_cached.py#7-8",), ("condition",)),
        Job("lock-info", "Test statistics under a lock, without space", ("tests/test_cached.py#9",)),
        Job("unbound", "Test the undecorated method by its class", ("tests/test_cachedmethod.py#5",)),
        Job(
            "old-wrappers",
            "Remove the wrappers nobody uses",
            ("src/cachetools/__init__.py#3", "src/cachetools/_decorators.py"),
            ("condition",),
        ),
        Job(
            "func",
            "Use a condition in the functools look-alikes, without mru_cache",
            ("src/cachetools/func.py", "tests/test_func.py"),
            ("condition",),
        ),
        Job("mru", "Remove MRUCache", ("src/cachetools/__init__.py#1,4-5", "tests/test_mru.py"), ("func",)),
        Job("python", "Require Python 3.9", ("setup.cfg", "tox.ini")),
        Job("readme", "Bring related projects up to date", ("README.rst",)),
        Job("doc-quotes", "Quote plainly in the manual", ("docs/index.rst#1,3,6,11-12",)),
        Job("doc-mru", "Take MRU out of the manual", ("docs/index.rst#2,13",), ("mru",)),
        Job("doc-condition", "Describe conditions", ("docs/conf.py", "docs/index.rst#4-5,7,14"), ("condition",)),
        Job("doc-examples", "Mend the examples of methods", ("docs/index.rst#8-10",)),
        Job("version", "Call it 6.0.0", ("src/cachetools/__init__.py#2", "CHANGELOG.rst")),
        Job(
            "metadata",
            "Build the metadata anew",
            ("PKG-INFO", "src/cachetools.egg-info/PKG-INFO", "src/cachetools.egg-info/SOURCES.txt"),
            ("version", "python", "readme", "mru", "old-wrappers"),
        ),
    ),
)

PLUGGY = Release(
    "pluggy",
    ("1.5.0", "2cffa88e94fdc978c4c574f15f9e59b7f4201d439195c3715ca9e2486f1d0cf1"),
    ("1.6.0", "7dcc130b76258d33b90f61b658791dede3486c3e6bfb003ee5c9bfb396dd22f3"),
    (
        Job("traceback", "Keep the traceback of a result from growing", ("src/pluggy/_result.py#2-7", "testing/test_result.py")),
        Job("result-types", "Use builtin generics in _result", ("src/pluggy/_result.py#1",)),
        Job("hook-types", "Use builtin generics in _hooks", ("src/pluggy/_hooks.py#1-2,6,10",)),
        Job("hook-texts", "Format the messages of _hooks", ("src/pluggy/_hooks.py#7-9",)),
        Job("hook-marks", "Mark what cannot be covered in _hooks", ("src/pluggy/_hooks.py#3-5",)),
        Job("manager-types", "Annotate _manager", ("src/pluggy/_manager.py#1-2",)),
        Job("manager-texts", "Format the messages of _manager", ("src/pluggy/_manager.py#3,5-7",)),
        Job("pending", "Flatten check_pending and test it", ("src/pluggy/_manager.py#4,8", "testing/test_pluginmanager.py#14")),
        Job(
            "callers",
            "Run old-style wrappers as wrappers; let StopIteration pass",
            ("src/pluggy/_callers.py", "testing/test_multicall.py#9", "testing/test_invocations.py#1,3"),
            ("traceback",),
        ),
        Job("tracing", "Use builtin generics in _tracing", ("src/pluggy/_tracing.py", "testing/test_tracer.py")),
        Job("details", "Test what was not covered", ("testing/test_details.py",), ("callers",)),
        Job("manager-tests", "Test the manager further", ("testing/test_pluginmanager.py#1-13",)),
        Job(
            "test-marks",
            "Mark what tests never reach",
            (
                "testing/conftest.py",
                "testing/test_helpers.py",
                "testing/test_hookcaller.py",
                "testing/test_invocations.py#2",
                "testing/test_multicall.py#1-8,10",
            ),
        ),
        Job("packaging", "Move the metadata to pyproject.toml", ("pyproject.toml", "setup.cfg", "setup.py", "tox.ini")),
        Job(
            "automation",
            "Bring the automation up to date",
            (
                ".coveragerc",
                ".github/dependabot.yml",
                ".github/workflows/main.yml",
                ".pre-commit-config.yaml",
                ".readthedocs.yml",
            ),
        ),
        Job(
            "scripts",
            "Annotate scripts and benchmarks",
            ("scripts/release.py", "scripts/towncrier-draft-to-file.py", "testing/benchmark.py"),
        ),
        Job("version", "Call it 1.6.0", ("CHANGELOG.rst", "src/pluggy/__init__.py", "src/pluggy/_version.py")),
        Job(
            "metadata",
            "Build the metadata anew",
            (
                "PKG-INFO",
                "src/pluggy.egg-info/PKG-INFO",
                "src/pluggy.egg-info/SOURCES.txt",
                "src/pluggy.egg-info/requires.txt",
            ),
            ("packaging", "version"),
        ),
    ),
)

XMLTODICT = Release(
    "xmltodict",
    ("0.15.1", "3d8d49127f3ce6979d40a36dbcad96f8bab106d232d24b49efdd4bd21716983c"),
    ("1.0.0", "f50eb9020d28c673b40bbe3f43458ee165f0267c67f8ad8df0d70d9a4f3ac824"),
    (
        Job(
            "values",
            "Write any value, and no empty lists",
            ("xmltodict.py#1-2,10,12-13", "tests/test_dicttoxml.py#8"),
        ),
        Job(
            "comments",
            "Write comments",
            ("xmltodict.py#11,14-16", "tests/test_dicttoxml.py#5-6"),
            ("values",),
        ),
        Job("namespaces", "Keep a namespace on a root without attributes", ("xmltodict.py#3", "tests/test_xmltodict.py#7")),
        Job("streaming", "Let go of streamed items", ("xmltodict.py#4-5", "tests/test_xmltodict.py#3,6")),
        Job("force-cdata", "Force CDATA for some elements only", ("xmltodict.py#6-7", "tests/test_xmltodict.py#1")),
        Job("docstrings", "Show texts as Python 3 does", ("xmltodict.py#8-9",)),
        Job("program", "Read and write bytes as a program", ("xmltodict.py#17",)),
        Job("dict-tests", "Take Python 2 out of the tests of unparse", ("tests/test_dicttoxml.py#1-4,7",), ("comments",)),
        Job("parse-tests", "Take Python 2 out of the tests of parse", ("tests/test_xmltodict.py#2,4-5",)),
        Job("bytecode", "Compile the tests of unparse", ("tests/__pycache__/test_dicttoxml.cpython-313.pyc",), ("dict-tests",)),
        Job(
            "more-bytecode",
            "Compile the tests of parse",
            ("tests/__pycache__/test_xmltodict.cpython-313.pyc",),
            ("namespaces", "streaming", "force-cdata", "parse-tests"),
        ),
        Job("setup", "Set up without ez_setup", ("ez_setup.py", "setup.py", "setup.cfg", "MANIFEST.in")),
        Job("readme", "Document the interface", ("README.md#1",)),
        Job("readme-types", "Document type annotations", ("README.md#2",)),
        Job(
            "metadata",
            "Build the metadata anew",
            ("PKG-INFO", "xmltodict.egg-info/PKG-INFO", "xmltodict.egg-info/SOURCES.txt"),
            ("setup", "readme", "readme-types"),
        ),
    ),
)

RELEASES = (CACHETOOLS, PLUGGY, XMLTODICT)
