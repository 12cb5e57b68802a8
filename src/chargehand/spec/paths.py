"""The files and folders a sentence names."""

from __future__ import annotations

import re

_CODE = re.compile(r"`([^`\n]{1,300})`")
_WORD = re.compile(r"[^\s`'\"<>()，。、；：]+")
_PATH = re.compile(r"\.{0,2}/?(?:[\w@.{}*\[\]+,~-]+/)*[\w@.{}*\[\]+,~-]*\Z")
_ENDINGS = frozenset(
    [
        "py",
        "pyi",
        "js",
        "jsx",
        "ts",
        "tsx",
        "mjs",
        "cjs",
        "json",
        "jsonc",
        "jsonl",
        "md",
        "mdx",
        "rst",
        "txt",
        "yml",
        "yaml",
        "toml",
        "ini",
        "cfg",
        "conf",
        "env",
        "lock",
        "xml",
        "html",
        "css",
        "scss",
        "sass",
        "less",
        "vue",
        "svelte",
        "astro",
        "rs",
        "go",
        "java",
        "kt",
        "kts",
        "scala",
        "cs",
        "csproj",
        "sln",
        "fs",
        "c",
        "h",
        "cc",
        "cpp",
        "hpp",
        "m",
        "mm",
        "swift",
        "dart",
        "rb",
        "erb",
        "php",
        "ex",
        "exs",
        "erl",
        "hs",
        "lua",
        "pl",
        "r",
        "jl",
        "sql",
        "prisma",
        "graphql",
        "proto",
        "sh",
        "bash",
        "zsh",
        "ps1",
        "bat",
        "tf",
        "hcl",
        "gradle",
        "properties",
        "svg",
        "png",
        "wasm",
        "sol",
        "zig",
        "nix",
        "libsonnet",
        "jsonnet",
        "j2",
        "tmpl",
    ]
)
_MANY = 50


def paths_in(text: str) -> tuple[str, ...]:
    """Paths relative to the project, as written, once each: what has a slash and a file's ending, or stands in backquotes and
    has either. Web addresses, routes (a leading slash) and pairs of words (``and/or``) are none."""
    found: dict[str, None] = {}
    for match in _CODE.finditer(text) if "`" in text else ():
        if _is_path(match[1], quoted=True):
            found[_plain(match[1])] = None
    for word in _WORD.findall(_CODE.sub(" ", text)) if "/" in text else ():
        bare = word.rstrip(".,;:!?")
        if "/" in bare and _is_path(bare, quoted=False):
            found[_plain(bare)] = None
    return tuple(found)[:_MANY]


def _is_path(word: str, *, quoted: bool) -> bool:
    if "://" in word or word.startswith(("/", "~", "@", "-")) or ".." in word or not _PATH.match(word):
        return False
    folder, slash, name = word.rpartition("/")
    stem, dot, ending = name.rpartition(".")
    known = bool(dot) and ending.lower() in _ENDINGS and (bool(stem) or bool(slash))
    if not slash:
        return quoted and known
    if not folder.strip("./"):
        return known
    return known or (quoted and (not name or "*" in word or "." in folder or folder.count("/") > 0)) or (not name and "/" in folder)


def _plain(word: str) -> str:
    return word.removeprefix("./")
