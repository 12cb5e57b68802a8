"""How tests, assertions, skips and ways to an early end are written, in the languages people use.

By their text alone. What is read may be hostile: nothing here may take more than one pass, so all that repeats is bounded.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from chargehand.model.patterns import later

Pattern = re.Pattern[str]


class Language(NamedTuple):
    """``bare`` takes comments out. ``head`` begins a test, whose name is the group that matched. ``holds`` finds assertions,
    ``hollow`` those that cannot fail."""

    bare: Callable[[str], str]
    head: Pattern
    holds: Pattern
    hollow: Pattern
    skips: Pattern
    exits: Pattern
    hooks: Pattern


def _any(*forms: str) -> Pattern:
    """One of these; blanks between words are few."""
    bounded = (re.sub(r"(?<!\^)(\[ \\t(?:\\n)?\]|\\s)\*", r"\1{0,40}", form) for form in forms)
    return later("|".join(f"(?:{form})" for form in bounded), re.MULTILINE)


_HASH = re.compile(r"(?:^|(?<=\s))#.*$", re.MULTILINE)
_PHP_LINE = re.compile(r"(?:^|(?<=[\s;{}]))(?://|#(?!\[)).*$", re.MULTILINE)
_LINE = re.compile(r"(?:^|(?<=[\s;{}]))//.*$", re.MULTILINE)
_PROSE = re.compile(r"^[ \t]*+[rRbBuU]?(?:\"\"\"(?:[^\"]|\"(?!\"\"))*+\"\"\"|'''(?:[^']|'(?!''))*+''')[ \t]*$", re.MULTILINE)
_TEXT = r"[ \t\n]*\([ \t\n]*(?:\"((?:[^\"\\\n]|\\.)*)\"|'((?:[^'\\\n]|\\.)*)'|`((?:[^`\\]|\\.)*)`)"


def _hash(text: str) -> str:
    return _HASH.sub("", text)


def _python(text: str) -> str:
    """A text that stands alone is as good as a comment."""
    return _PROSE.sub("", _HASH.sub("", text))


def _slashes(text: str) -> str:
    return _without_blocks(_LINE.sub("", text))


def _php(text: str) -> str:
    return _without_blocks(_PHP_LINE.sub("", text))


def _without_blocks(text: str) -> str:
    parts, at = [], 0
    while (start := text.find("/*", at)) >= 0 and (end := text.find("*/", start + 2)) >= 0:
        parts.append(text[at:start])
        at = end + 2
    return "".join([*parts, text[at:]])


PYTHON = Language(
    bare=_python,
    head=_any(
        r"^[ \t]*(?:async[ \t]+)?def[ \t]+(test\w*)[ \t]*\(",
    ),
    holds=_any(
        r"^[ \t]*assert\b",
        r"\bself\.assert\w+\(",
        r"\bself\.fail\w*\(",
        r"\b(?:pytest|self|unittest)\.(?:raises|warns|approx|fail)\(",
        r"\.assert_\w+\(",
    ),
    hollow=_any(
        r"^[ \t]*assert[ \t(]+(?:True|1|not[ \t]+False|not[ \t]+None|[\"'][^\"']+[\"'])[ \t)]*(?:,.*)?$",
        r"\bassertTrue\((?:True|1)\)",
    ),
    skips=_any(
        r"pytest\.(?:mark\.)?(?:skip|skipif|xfail|importorskip)\b",
        r"(?:unittest\.|@)(?:skip\w*|expectedFailure)\b",
        r"\.skipTest\(",
        r"\bSkipTest\b",
        r"^[ \t]+return[ \t]*(?:None)?$",
        r"\bexcept[ \t]*(?:\(?[^:\n]{0,120}\b(?:Exception|BaseException|AssertionError)\b[^:\n]{0,120})?:\s*(?:pass|return|\.\.\.)",
        r"\b__test__[ \t]*=[ \t]*False",
        r"\bcollect_ignore\w*[ \t]*=",
    ),
    exits=_any(
        r"\bos\._exit\(",
        r"\b(?:sys\.)?exit\([ \t]*(?:0|None|False)?[ \t]*\)",
        r"\bquit\(",
        r"\braise[ \t]+SystemExit\b[ \t]*(?:\([ \t]*(?:0|None)?[ \t]*\)|$)",
        r"\bos\.kill\(",
        r"\bpytest\.exit\(",
    ),
    hooks=_any(
        r"\bdef[ \t]+pytest_(?:runtest_\w+|collection\w*|collect_\w+|ignore_collect|pyfunc_call|sessionfinish|report_teststatus)",
        r"\bdef[ \t]+pytest_(?:deselected|itemcollected|make_collect_report|exception_interact|cmdline_main|pycollect_\w+)",
        r"\bdef[ \t]+pytest_(?:load_initial_conftests|unconfigure)",
        r"\b_pytest\.\w",
        r"\bhookwrapper\b",
        r"\b(?:outcome|exitstatus|testsfailed|wasxfail)[ \t]*=[^=]",
        r"unittest\.(?:TestCase|TestResult|TextTestResult|TextTestRunner|case\.\w+|result\.\w+)\.\w+[ \t]*=[^=]",
        r"\bbuiltins\.\w+[ \t]*=[^=]",
        r"__builtins__",
        r"\bAssertionError[ \t]*=[^=]",
        r"\bsys\.(?:settrace|excepthook|meta_path)\b",
        r"\batexit\.register\(",
    ),
)
JAVASCRIPT = Language(
    bare=_slashes,
    head=_any(
        r"\b(?:it|test|specify)(?:\.(?:only|skip|todo|concurrent|failing|fails|each)){0,3}" + _TEXT,
    ),
    holds=_any(
        r"\bexpect[ \t\n]*\(",
        r"\bassert\w*(?:\.\w+){0,3}[ \t\n]*\(",
        r"\.should\b",
        r"\bt\.(?:is|not|deepEqual|true|false|throws|equal|same|ok|pass)\w*\(",
    ),
    hollow=_any(
        r"\bexpect\([ \t]*(?:true|1|\"[^\"]*\"|'[^']*')[ \t]*\)\.(?:toBe|toEqual|toBeTruthy|to)\b",
        r"\bassert(?:\.ok)?\([ \t]*(?:true|1)[ \t]*\)",
    ),
    skips=_any(
        r"\b(?:it|test|describe|suite|context|specify)\.(?:skip|only|todo|failing|fails|skipIf)\b",
        r"\bx(?:it|describe|test)[ \t]*\(",
        r"\bf(?:it|describe)[ \t]*\(",
        r"\bthis\.skip\(",
        r"\bt\.(?:skip|todo)\(",
        r"\{[ \t]*(?:skip|todo|only)[ \t]*:",
        r"\bcatch[ \t]*(?:\([^)\n]{0,120}\))?[ \t]*\{[ \t\n]*\}",
    ),
    exits=_any(
        r"\bprocess\.(?:exit|reallyExit|abort|kill)\(",
        r"\bprocess\.exitCode[ \t]*=",
        r"\bDeno\.exit\(",
        r"\bprocess\.(?:on|once)\([ \t]*[\"'](?:exit|beforeExit|uncaughtException)",
    ),
    hooks=_any(
        r"\b(?:globalThis|global|window)\.(?:expect|it|test|describe|assert)\b[ \t]*=[^=]",
        r"\bexpect\.extend\(",
        r"\bexpect[ \t]*=[^=]",
        r"\bassert(?:\.\w+)?[ \t]*=[^=>]",
        r"require\.cache\b",
        r"Module\._load",
    ),
)
GO = Language(
    bare=_slashes,
    head=_any(
        r"^func[ \t]+((?:Test|Example|Fuzz)\w*)[ \t]*\(",
    ),
    holds=_any(
        r"\bt\.(?:Error|Errorf|Fatal|Fatalf|Fail|FailNow)\(",
        r"\b(?:assert|require|is|qt)\.\w+\(",
    ),
    hollow=_any(
        r"\b(?:assert|require)\.True\(t,[ \t]*true\b",
    ),
    skips=_any(
        r"\bt\.(?:Skip|Skipf|SkipNow)\(",
        r"^//go:build\b",
        r"^// \+build\b",
        r"^[ \t]+return[ \t]*$",
    ),
    exits=_any(
        r"\bos\.Exit\(",
        r"\bsyscall\.Exit\(",
        r"\bruntime\.Goexit\(",
        r"\bfunc[ \t]+TestMain\(",
    ),
    hooks=_any(
        r"\brecover\(\)",
        r"\bgo:linkname\b",
    ),
)
RUST = Language(
    bare=_slashes,
    head=_any(
        r"#\[(?:\w+::)*test\w*(?:\([^\]]{0,200}\))?\](?:\s{0,99}#\[[^\]]{0,200}\]){0,9}\s*(?:pub\s+)?(?:async\s+)?fn\s+(\w+)",
    ),
    holds=_any(
        r"\b(?:assert\w*|debug_assert\w*|panic|unreachable)!",
        r"\bunwrap\(\)",
        r"\.expect\(",
        r"should_panic",
    ),
    hollow=_any(
        r"\bassert!\([ \t]*true\b",
    ),
    skips=_any(
        r"#\[(?:ignore|should_panic)\b",
        r"#\[cfg\((?:not\(|any\(\)|feature)",
        r"\bcatch_unwind\b",
    ),
    exits=_any(
        r"\bprocess::(?:exit|abort)\(",
    ),
    hooks=_any(
        r"\bpanic::set_hook\(",
        r"\bmacro_rules![ \t]*assert",
    ),
)
JVM = Language(
    bare=_slashes,
    head=_any(
        r"@(?:Test|ParameterizedTest|RepeatedTest|TestFactory|Property)\b[^{};]{0,400}?\b(\w{1,99}|`[^`]{1,200}`)[ \t]*\(",
        r"\[(?:Test|TestCase|Fact|Theory|TestMethod|DataTestMethod)\b[^{};]{0,400}?\b(\w{1,99})[ \t]*\(",
    ),
    holds=_any(
        r"\b(?:assert\w*|verify|fail|expect\w*)[ \t]*\(",
        r"\bAssert\.\w+",
        r"\bShould\w*\b",
        r"^[ \t]*assert\b",
        r"\.should\w*\b",
    ),
    hollow=_any(
        r"\bassertTrue\([ \t]*true[ \t]*\)",
        r"\bAssert\.(?:True|IsTrue)\([ \t]*true[ \t]*\)",
        r"\bassertEquals\(([^,()]{1,99}),[ \t]*\1\)",
    ),
    skips=_any(
        r"@(?:Disabled|Ignore|EnabledIf\w*|DisabledIf\w*|DisabledOn\w*|EnabledOn\w*)\b",
        r"\[(?:Ignore|Explicit)\b",
        r"\bSkip[ \t]*=",
        r"\bassume\w*\(",
        r"\bAssume\.",
        r"\bcatch[ \t]*\([^)]{0,120}\)[ \t]*\{[ \t\n]*\}",
        r"\bAssert\.(?:Ignore|Inconclusive|Skip)",
    ),
    exits=_any(
        r"\bSystem\.exit\(",
        r"\bRuntime\.getRuntime\(\)\.(?:halt|exit)\(",
        r"\bexitProcess\(",
        r"\bEnvironment\.(?:Exit|FailFast)\(",
    ),
    hooks=_any(
        r"\bimplements[ \t]+[^{]{0,300}\b(?:TestExecutionExceptionHandler|InvocationInterceptor|ExecutionCondition|TestWatcher)\b",
    ),
)
RUBY = Language(
    bare=_hash,
    head=_any(
        r"^[ \t]*(?:x|f)?(?:it|specify|example|test|scenario)[ \t(]+(?:\"([^\"\n]*)\"|'([^'\n]*)')",
        r"^[ \t]*def[ \t]+(test_\w+)",
    ),
    holds=_any(
        r"\bexpect\b",
        r"\bassert\w*\b",
        r"\brefute\w*\b",
        r"\.should\b",
        r"\bmust_\w+",
        r"\bflunk\b",
    ),
    hollow=_any(
        r"\bassert[ \t(]+true\b",
        r"\bexpect\(true\)\.to\b",
    ),
    skips=_any(
        r"^[ \t]*(?:skip|pending|omit)\b",
        r"^[ \t]*(?:x|f)(?:it|describe|context|specify)\b",
        r"\b(?:skip|pending|focus):",
        r":(?:focus|skip|pending)\b",
        r"\brescue\b[^\n]*$",
    ),
    exits=_any(
        r"\bexit!",
        r"\b(?:Kernel\.|Process\.)?exit[ \t(]+(?:0|true)",
        r"^[ \t]*exit[ \t]*$",
        r"\bat_exit\b",
        r"\babort\b",
    ),
    hooks=_any(
        r"\b(?:RSpec::Core|Minitest)::\w+\.(?:class_eval|prepend|send)",
        r"\bfilter_run_excluding\b",
        r"\bclass[ \t]+(?:RSpec|Minitest)::",
    ),
)
PHP = Language(
    bare=_php,
    head=_any(
        r"\bfunction[ \t]+(test\w+)[ \t]*\(",
        r"#\[Test\][^{};]{0,400}?\bfunction[ \t]+(\w+)",
        r"^[ \t]*(?:it|test)\([ \t]*(?:'([^'\n]*)'|\"([^\"\n]*)\")",
    ),
    holds=_any(
        r"->(?:assert\w+|expect\w+|fail)\(",
        r"(?:self|static|Assert)::(?:assert\w+|fail)\(",
        r"\bexpect\(",
    ),
    hollow=_any(
        r"assertTrue\([ \t]*true[ \t]*\)",
        r"assertEquals\(([^,()]{1,99}),[ \t]*\1\)",
    ),
    skips=_any(
        r"\bmarkTest(?:Skipped|Incomplete)\b",
        r"->(?:skip|only|todo)\(",
        r"#\[(?:Requires\w*|DoesNotPerformAssertions)",
        r"\bcatch[ \t]*\([^)]{0,120}\)[ \t]*\{[ \t\n]*\}",
    ),
    exits=_any(
        r"\b(?:exit|die)\b[ \t]*(?:\([^)]{0,120}\))?[ \t]*;",
        r"\bregister_shutdown_function\(",
    ),
    hooks=_any(
        r"\bset_(?:error|exception)_handler\(",
    ),
)


_BY_ENDING = {
    "py": PYTHON,
    **dict.fromkeys(["js", "jsx", "ts", "tsx", "mjs", "cjs", "mts", "cts"], JAVASCRIPT),
    "go": GO,
    "rs": RUST,
    **dict.fromkeys(["java", "kt", "kts", "scala", "groovy", "cs", "fs", "vb"], JVM),
    "rb": RUBY,
    "php": PHP,
}


def language(path: str) -> Language | None:
    return _BY_ENDING.get(path.rpartition(".")[2].lower())
