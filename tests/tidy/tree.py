"""The files of the project and what every rule does with them."""

import concurrent.futures
import json
import os
import pathlib
import re
import subprocess

SKIPPED_FOLDERS = {".git", "build", "out", "corpora", "__pycache__", ".cache"}


class Tree:
    """The files of the project, by path from its top."""

    def __init__(self, root, build=None):
        self.root = pathlib.Path(root).resolve()
        self.build = pathlib.Path(build).resolve() if build else None
        self.paths = []
        for folder, folders, names in os.walk(self.root):
            folders[:] = sorted(f for f in folders if f not in SKIPPED_FOLDERS)
            here = pathlib.Path(folder).relative_to(self.root)
            self.paths += [(here / name).as_posix() for name in sorted(names)]

    def read(self, path):
        return (self.root / path).read_text(encoding="utf-8")

    def having(self, *suffixes, under=""):
        return [p for p in self.paths if p.endswith(suffixes) and p.startswith(under)]


def without_comments(text, strings=False):
    """The C text with comments blanked, and strings too if asked; lines stay lines."""
    def blank(match):
        token = match.group(0)
        if token[0] in "\"'" and not strings:
            return token
        return re.sub(r"[^\n]", " ", token)
    pattern = r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'"
    return re.sub(pattern, blank, text, flags=re.S)


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1


def in_parallel(function, items):
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        return list(pool.map(function, items))


def run(command, **options):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, check=False, **options)


def shipped(database):
    """Compile commands of files as they ship; for planted bugs they are compiled without
    assertions, too."""
    return [e for e in json.loads(database.read_text())
            if "/bare_" not in e.get("output", e["command"])]
