#!/usr/bin/env python3
"""House rules, checked.

    tidy.py RULE... [--root DIR] [--build DIR]

Each rule is a function `rule_<name>(tree)` that returns how many things it looked at and the
list of breaches, as lines "path:line: what is wrong". A rule that must find something to
look at and finds nothing fails as well, so that no rule falls asleep. selftest.py plants a
breach for every rule in a small tree and expects it to be found.

    includes    who may include whom (AREAS below), and which system headers are pure
    purity      undefined symbols and mutable statics of the pure modules' objects
    calls       a file calls only files on lower floors: no cycle in a folder, no call upwards
                (CALLS below); what counts as a call: graph.py
    format      clang-format
    headers     each header compiles alone, as C17 and as C++20 (which the build shows of those
                that their own source includes first)
    text        blanks, tabs, leftover notes, wide prose, unique file names, banned functions
    docs        each public function has a man page and a test, each MARK a test
    classes     what lockd/doc/bug-classes.md names is there: tests, files, planted bugs
    promises    names of tests say which promise of lockd/doc/guarantees.md they defend: each number
                exists, each promise that is implemented has a test
    references  each file, each function() and each lk_name that a comment or document names is
                there
    runbook     lockd/doc/operations.md has a row for each condition and each error of lockd, and
                names each other event
    sizes       lists long files and functions, and the largest structs; never fails
    clang-tidy  as .clang-tidy says, over all C files of the build (slow)
    selftest    the rules themselves
"""

import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
from graph import arrows_of, components, floors_of, product_sources  # noqa: E402
from tree import Tree, in_parallel, line_of, run, shipped, without_comments  # noqa: E402
from runbook import rule_runbook  # noqa: E402,F401
from words import rule_promises, rule_references  # noqa: E402,F401

# What each area may include besides itself. Siblings never; nothing in lockd/ sees liblock.h.
# The public header is types and declarations only, so core may share its statuses.
AREAS = {
    "base": [],
    "protocol": ["base"],
    "raft": ["protocol", "base"],
    "locks": ["protocol", "base"],
    "store": ["protocol", "base"],
    "node": ["raft", "locks", "store", "protocol", "base"],
    "io": ["node", "raft", "locks", "store", "protocol", "base"],
    "ops": ["node", "raft", "locks", "store", "protocol", "base"],
    "offline": ["io", "ops", "node", "raft", "locks", "store", "protocol", "base"],
    "main": ["offline", "io", "ops", "node", "raft", "locks", "store", "protocol", "base"],
    "public": [],
    "core": ["public", "protocol", "base"],
    "shell": ["public", "core", "protocol", "base"],
    "tool": ["base"],
    "lockctl": ["tool", "public", "core", "protocol", "base"],
    "bench": ["tool", "public", "core", "protocol", "base"],
    "examples": ["public"],
}
# What each area may call besides itself: what it may include, with the library's shell for its
# public header. Only core includes that header and calls nobody who implements it.
CALLS = {area: ["shell" if other == "public" else other for other in others]
         for area, others in AREAS.items()}
CALLS["core"].remove("shell")
PURE_FOLDERS = ["liblock/base", "lockd/raft", "lockd/locks", "lockd/store", "lockd/node",
                "liblock/protocol", "liblock/core"]
PURE_SYMBOLS = {"memcpy", "memmove", "memset", "memcmp", "memchr", "bcmp", "strlen", "strcmp", "__udivti3", "__umodti3",
                "__assert_fail", "__start_lockd_marks", "__stop_lockd_marks",
                "_GLOBAL_OFFSET_TABLE_"}
PURE_HEADERS = {"assert.h", "limits.h", "stdalign.h", "stdbool.h", "stddef.h", "stdint.h",
                "string.h"}
CXX_FOLDERS = ("tests/", "bench/lockcheck/")
UNFORCED = {"liblock/base/hash.c"}  # Includes xxhash.h, which names malloc.

FILE_LINES_MAX = 600
FUNCTION_LINES_MAX = 60
DOCUMENT_COLUMNS_MAX = 100
BANNED = ["strcpy", "strcat", "sprintf", "vsprintf", "gets", "strtok", "atoi", "atol", "rand",
          "srand", "alloca"]
LEFTOVERS = ["FIX" + "ME", "TO" + "DO", "X" + "XX"]  # In halves, as this file is checked too.
TABS_MAY = {".tsv", ".mk"}


def pure_files(tree, suffix):
    return [p for p in tree.having(suffix) if os.path.dirname(p) in PURE_FOLDERS]


# ---- includes ----

def area_of(path):
    parts = path.split("/")
    if path == "lockd/main.c":
        return "main"
    if path == "liblock/liblock.h":
        return "public"
    if parts[0] in ("lockd", "liblock") and len(parts) > 2:
        if parts[1] in AREAS:
            return parts[1]
        return None
    if parts[0] == "bench":
        return "bench"
    return None


def include_target(tree, path, name):
    """The project file that `name` means when `path` includes it; None: a system header."""
    here = os.path.dirname(path)
    for folder in (here, "lockd", "liblock", "bench", ""):
        candidate = os.path.normpath(os.path.join(folder, name))
        if candidate in tree.path_set:
            return candidate
    return None


def rule_includes(tree):
    tree.path_set = set(tree.paths)
    count, breaches = 0, []
    for path in tree.having(".c", ".h"):
        area = area_of(path)
        if area is None and path.split("/")[0] in ("lockd", "liblock", "bench"):
            breaches.append(f"{path}:1: in no area that tidy.py knows")
        if area is None:
            continue
        pure = os.path.dirname(path) in PURE_FOLDERS and path not in UNFORCED
        text = without_comments(tree.read(path))
        for match in re.finditer(r"^\s*#\s*include\s*([\"<])([^\">]+)", text, re.M):
            count += 1
            target = include_target(tree, path, match.group(2))
            where = f"{path}:{line_of(text, match.start(1))}"
            if target is None and match.group(1) == '"':
                breaches.append(f"{where}: no such file: {match.group(2)}")
            if target is None and pure and match.group(2) not in PURE_HEADERS:
                breaches.append(f"{where}: not for pure files: {match.group(2)}")
            if target is None:
                continue
            other = area_of(target)
            if other != area and other not in AREAS[area]:
                breaches.append(f"{where}: {area} must not include {target} ({other})")
    return count, breaches, 1


# ---- purity ----

def symbols_of(tree, path, folder):
    """Compile one pure file as tidy does; ([breach], defined, undefined)."""
    target = pathlib.Path(folder) / (path.replace("/", "__") + ".o")
    command = ["gcc", "-std=c17", "-O2", "-fno-pic", "-w", "-c", path, "-o", str(target),
               "-Ilockd", "-Iliblock"]
    if path not in UNFORCED:
        command += ["-include", "liblock/base/pure.h"]
    done = run(command, cwd=tree.root)
    if done.returncode != 0:
        return [f"{path}:1: does not compile as a pure file:\n{done.stdout}"], set(), set()
    breaches, defined, undefined = [], set(), set()
    for line in run(["nm", str(target)]).stdout.splitlines():
        kind, name = line.split()[-2:]
        if kind in "Uwv":
            undefined.add(name)
        else:
            defined.add(name)
        if kind in "bBdDC" and not re.fullmatch(r"mark_here(\.\d+)?", name):
            breaches.append(f"{path}:1: has mutable static {name}")
    return breaches, defined, undefined


def unforced(tree):
    """Pure files that the build compiles without base/pure.h in front."""
    database = tree.build and tree.build / "compile_commands.json"
    if not database or not database.exists():
        return ["compile_commands.json:1: missing, give --build"]
    commands = {e["file"]: e["command"] for e in shipped(database)}
    breaches = []
    for path in pure_files(tree, ".c"):
        command = commands.get(str(tree.root / path))
        if command is None:
            breaches.append(f"{path}:1: is not in the build")
        elif path not in UNFORCED and not re.search(r"-include \S*base/pure\.h", command):
            breaches.append(f"{path}:1: is compiled without base/pure.h in front")
        elif "_GNU_SOURCE" in command:
            breaches.append(f"{path}:1: is compiled with a feature macro")
    return breaches


def rule_purity(tree):
    paths = pure_files(tree, ".c")
    with tempfile.TemporaryDirectory() as folder:
        results = in_parallel(lambda path: symbols_of(tree, path, folder), paths)
    known = set(PURE_SYMBOLS).union(*(defined for _, defined, _ in results))
    breaches = unforced(tree)
    for path, (found, _, undefined) in zip(paths, results):
        breaches += found
        breaches += [f"{path}:1: refers to {name}" for name in sorted(undefined - known)]
    return len(paths), breaches, 1


# ---- calls ----

def cycle_text(folder, ring, arrows):
    names = [os.path.basename(path) for path in ring]
    lines = [f"{folder}:1: a cycle of {len(ring)} files: {' '.join(names)}"]
    lines += [f"    {os.path.basename(a)} -> {os.path.basename(b)}: {' '.join(sorted(symbols))}"
              for (a, b), symbols in sorted(arrows.items()) if a in ring and b in ring]
    return "\n".join(lines)


def folder_text(tree, folder, rooms, floors, cycles):
    """What can be quoted of a folder in one line. A room is a source file."""
    texts = {path: tree.read(path) for path in tree.having(".c", ".h", under=folder + "/")
             if os.path.dirname(path) == folder}
    lines = {path: text.count("\n") for path, text in texts.items()}
    asserts = sum(len(re.findall(r"\bassert\(", text)) for text in texts.values())
    largest = max(lines, key=lines.get)
    sizes = [str(len(ring)) for ring in cycles]
    return (f"{folder}: {len(rooms)} rooms, {floors} floors, "
            f"{len(cycles)} cycles{' (files: ' + ', '.join(sizes) + ')' if sizes else ''}, "
            f"largest {os.path.basename(largest)} {lines[largest]} lines, "
            f"{round(1000 * asserts / sum(lines.values()))} assertions per 1000 lines")


def rule_calls(tree):
    breaches, arrows = arrows_of(tree)
    for (path, other), symbols in sorted(arrows.items()):
        area, below = area_of(path), area_of(other)
        if area != below and below not in CALLS.get(area, []):
            breaches.append(f"{path}:1: {area} must not call {other} ({below}): "
                            f"{' '.join(sorted(symbols))}")
    paths = product_sources(tree)
    for folder in sorted({os.path.dirname(path) for path in paths}):
        rooms = [path for path in paths if os.path.dirname(path) == folder]
        inside = {(a, b): symbols for (a, b), symbols in arrows.items()
                  if a in rooms and b in rooms}
        rings = components(rooms, inside)
        cycles = [ring for ring in rings if len(ring) > 1]
        breaches += [cycle_text(folder, ring, inside) for ring in cycles]
        print(folder_text(tree, folder, rooms, floors_of(rings, inside), cycles))
    return len(arrows), breaches, 1


# ---- format ----

def rule_format(tree):
    tool = shutil.which("clang-format-14") or "clang-format"
    paths = tree.having(".c", ".h", ".cc")
    done = run([tool, "--dry-run", "-Werror", "--style=file"] + paths, cwd=tree.root)
    breaches = [line for line in done.stdout.splitlines() if "error:" in line]
    if done.returncode != 0 and not breaches:
        breaches = [f".clang-format:1: {done.stdout}"]
    return len(paths), breaches, 1


# ---- headers ----

def is_first_of_its_source(tree, path, ending):
    """The build compiles it alone then: nothing stands before it, but pure.h before pure ones."""
    source = tree.root / (os.path.splitext(path)[0] + ending)
    if not source.exists():
        return False
    first = re.search(r'^#include\s+["<]([^">]+)[">]', source.read_text("utf-8"), re.MULTILINE)
    return bool(first) and os.path.basename(first.group(1)) == os.path.basename(path)


def rule_headers(tree):
    def check(job):
        path, language = job
        command = ["gcc" if language == "c17" else "g++", f"-std={language}", "-pedantic",
                   "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-Ilockd", "-Iliblock", "-Ibench",
                   "-Itests", f"-I{os.path.dirname(path) or '.'}",
                   "-x", "c" if language == "c17" else "c++", "-"]
        if path not in pure and not path.startswith("tests/"):
            command.insert(1, "-D_GNU_SOURCE")
        text = f'#include "{tree.root / path}"\nextern int not_empty;\n'
        done = run(command, cwd=tree.root, input=text)
        if done.returncode == 0:
            return []
        return [f"{path}:1: does not compile alone as {language}:\n{done.stdout}"]

    pure = set(pure_files(tree, ".h"))
    headers = tree.having(".h")
    jobs = [(path, "c++20") for path in headers
            if not is_first_of_its_source(tree, path, ".cc")]
    jobs += [(path, "c17") for path in headers if not path.startswith(CXX_FOLDERS)
             and (path in pure or not is_first_of_its_source(tree, path, ".c"))]
    return len(jobs), sum(in_parallel(check, jobs), []), 1


# ---- text ----

def text_breaches(path, text):
    breaches = []
    name = os.path.basename(path)
    tabs_may = name == "Makefile" or os.path.splitext(name)[1] in TABS_MAY
    for number, line in enumerate(text.split("\n"), 1):
        if "\t" in line and not tabs_may:
            breaches.append(f"{path}:{number}: tab")
        if line != line.rstrip(" \t\r"):
            breaches.append(f"{path}:{number}: trailing blank")
        for word in LEFTOVERS:
            if re.search(rf"\b{word}\b", line):
                breaches.append(f"{path}:{number}: leftover {word}")
    if text and not text.endswith("\n"):
        breaches.append(f"{path}:{text.count(chr(10)) + 1}: no newline at the end")
    return breaches


def banned_breaches(path, text):
    plain = without_comments(text, strings=True)
    pattern = rf"(?<![\w.>])({'|'.join(BANNED)})\s*\("
    return [f"{path}:{line_of(plain, match.start())}: banned function {match.group(1)}"
            for match in re.finditer(pattern, plain)]


def wide_breaches(path, text):
    """Prose of a document is wrapped; tables, code and headings are not prose."""
    breaches, fenced = [], False
    for number, line in enumerate(text.split("\n"), 1):
        fenced ^= line.startswith("```")
        plain = fenced or line.startswith(("|", "    ", "#", "!", "```"))
        if not plain and not line.lstrip().startswith("|") and len(line) > DOCUMENT_COLUMNS_MAX:
            breaches.append(f"{path}:{number}: {len(line)} columns of prose")
    return breaches


def rule_text(tree):
    count, breaches, names = 0, [], {}
    for path in tree.paths:
        data = (tree.root / path).read_bytes()
        if b"\0" in data or path == "LICENSE":
            continue
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError:
            breaches.append(f"{path}:1: not UTF-8")
            continue
        count += 1
        breaches += text_breaches(path, text)
        if path.endswith(".md"):
            breaches += wide_breaches(path, text)
        if not path.endswith((".c", ".h", ".cc")):
            continue
        breaches += banned_breaches(path, text)
        first = names.setdefault(os.path.basename(path), path)
        if first != path:
            breaches.append(f"{path}:1: file name is taken by {first}")
    return count, breaches, 1


# ---- docs ----

def rule_docs(tree):
    breaches = []
    tests = "\n".join(tree.read(path) for path in tree.paths if path.startswith("tests/")
                      and not path.startswith("tests/tidy/")
                      and b"\0" not in (tree.root / path).read_bytes())
    words = set(re.findall(r"\w+", tests))

    functions, least = [], 0
    if "liblock/liblock.h" in tree.paths:
        text = without_comments(tree.read("liblock/liblock.h"))
        functions = re.findall(r"^LK_API\b[^;]*?\b(lk_\w+)\s*\(", text, re.M)
        least = 1
    for name in functions:
        if f"liblock/man/{name}.3" not in tree.paths:
            breaches.append(f"liblock/liblock.h:1: {name} has no page liblock/man/{name}.3")
        if name not in words:
            breaches.append(f"liblock/liblock.h:1: {name} is in no test")

    marks = 0
    for path in tree.having(".c", ".h", under="lockd/") + tree.having(
            ".c", ".h", under="liblock/"):
        text = without_comments(tree.read(path))
        for match in re.finditer(r"(?<!define )\bMARK\(\s*\"?(\w+)", text):
            marks += 1
            if match.group(1) not in words:
                where = f"{path}:{line_of(text, match.start())}"
                breaches.append(f"{where}: no test requires MARK({match.group(1)})")
    print(f"docs: {len(functions)} public functions, {marks} marks")
    if least and not functions:
        breaches.append("liblock/liblock.h:1: no LK_API function found")
    return len(functions) + marks, breaches, least


# ---- classes ----

def tests_of(tree):
    """The googletest cases, as Suite.Name."""
    pattern = r"^TEST(?:_[FP])?\(\s*(\w+),\s*(\w+)\)"
    return {f"{suite}.{name}" for path in tree.having(".cc", under="tests/")
            for suite, name in re.findall(pattern, tree.read(path), re.M)}


def rule_classes(tree):
    page = "lockd/doc/bug-classes.md"
    if page not in tree.paths:
        return 0, [f"{page}:1: is not there"], 1
    known = tests_of(tree) | set(tree.paths)
    known |= {os.path.basename(p) for p in tree.having(".txt", under="tests/scenarios/")}
    known |= {pathlib.Path(p).stem for p in tree.having(".patch", under="tests/sim/planted/")}
    breaches, rows = [], 0
    for number, line in enumerate(tree.read(page).splitlines(), 1):
        if not re.match(r"\| \d+ \|", line):
            continue
        rows += 1
        if not line.startswith(f"| {rows} |"):
            breaches.append(f"{page}:{number}: a class is missing before this one")
        breaches += [f"{page}:{number}: there is no {name}"
                     for name in re.findall(r"`([\w./-]+)`", line) if name not in known]
    return rows, breaches, 1


# ---- sizes ----

def long_functions(path, text):
    """Functions past the budget: our style has their braces alone in the first column."""
    found, begin = [], None
    lines = text.split("\n")
    for number, line in enumerate(lines, 1):
        if line == "{":
            begin = number
        elif line.startswith("}") and begin is not None:
            if number - begin - 1 > FUNCTION_LINES_MAX:
                found.append(f"{path}:{begin - 1}: {number - begin - 1} lines: "
                             f"{lines[begin - 2].strip()}")
            begin = None
    return found


def structs_of(tree):
    """(fields, "path:line: struct name") of each struct of the product; what an inner struct
    has counts for it, not for the outer one."""
    for path in tree.having(".c", ".h"):
        if area_of(path) is None:
            continue
        text = without_comments(tree.read(path), strings=True)
        for match in re.finditer(r"^struct (\w+) \{\n(.*?)^\}", text, re.M | re.S):
            body = match.group(2)
            while re.search(r"\{[^{}]*\}", body):
                body = re.sub(r"\{[^{}]*\}", "", body)
            body = re.sub(r"\([^()]*\)", "", body)
            where = f"{path}:{line_of(text, match.start())}: struct {match.group(1)}"
            yield body.count(";") + body.count(","), where


def rule_sizes(tree):
    for fields, where in sorted(structs_of(tree), reverse=True)[:3]:
        print(f"{where}: {fields} fields")
    paths = tree.having(".c", ".h", ".cc", ".py")
    for path in paths:
        text = tree.read(path)
        if text.count("\n") > FILE_LINES_MAX:
            print(f"{path}:1: {text.count(chr(10))} lines")
        for line in long_functions(path, text):
            print(line)
    return len(paths), [], 1


# ---- clang-tidy ----

def rule_clang_tidy(tree):
    with tempfile.TemporaryDirectory() as folder:
        database = shipped(tree.build / "compile_commands.json")
        pathlib.Path(folder, "compile_commands.json").write_text(json.dumps(database))
        return look_with_clang_tidy(tree, database, folder)


def look_with_clang_tidy(tree, database, folder):
    # What the build writes (the examples of the man pages) is not the house's.
    built = os.path.join(os.path.realpath(tree.build), "")
    paths = sorted({e["file"] for e in database if e["file"].endswith(".c")
                    and not os.path.realpath(e["file"]).startswith(built)})

    def check(path):
        done = subprocess.run(
            ["clang-tidy", "-p", folder, "--quiet",
             "--extra-arg=-Wno-unknown-warning-option",
             "--extra-arg=-Wno-ignored-optimization-argument", path],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False,
            cwd=tree.root)
        if done.returncode == 0:
            return []
        found = [line for line in done.stdout.splitlines() if " error: " in line]
        return found or [f"{path}:1: {done.stdout}{done.stderr}"]

    breaches = sorted(set(sum(in_parallel(check, paths), [])))
    return len(paths), breaches, 1


def rule_selftest(tree):
    done = run([sys.executable, os.path.join(os.path.dirname(__file__), "selftest.py")])
    print(done.stdout, end="")
    planted = done.stdout.count("found: ")
    return planted, [] if done.returncode == 0 else ["tests/tidy/selftest.py:1: failed"], 1


def main():
    parser = argparse.ArgumentParser(description="Check the house rules.")
    parser.add_argument("rules", nargs="+")
    parser.add_argument("--root", default=pathlib.Path(__file__).parents[2])
    parser.add_argument("--build")
    options = parser.parse_args()
    tree = Tree(options.root, options.build)
    failed = False
    for name in options.rules:
        count, breaches, least = globals()["rule_" + name.replace("-", "_")](tree)
        for breach in breaches:
            print(breach)
        if count < least:
            print(f"{name}: found nothing to look at")
        failed = failed or bool(breaches) or count < least
        print(f"{name}: looked at {count}, {len(breaches)} breaches")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
