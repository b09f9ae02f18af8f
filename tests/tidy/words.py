"""What comments, documents and names of tests say of things that must be there."""

import os
import re

from tree import line_of, without_comments

PROMISES = "lockd/doc/guarantees.md"
NOT_YET = re.compile(r"\bnot\s+(yet|there|built|implemented|provided)\b|\bplanned\b", re.I)

CODE = (".c", ".h", ".cc")
HASHED = (".py", ".sh", ".cmake", "CMakeLists.txt")  # Their comments begin with "#".
DOCUMENTS = (".md", ".txt", ".1", ".3", ".7", ".8")
# Records of their day: they may name what is gone.
RECORDS = re.compile(r"lockd/doc/(decisions/\d+-|CHANGELOG\.md)")
# What documents name although others make it: programs of the reader, system headers, output.
ELSEWHERE = {"first.c", "program.c", "xxhash.h", "sysexits.h", "report.txt"}


def text_files(tree):
    for path in tree.paths:
        data = (tree.root / path).read_bytes()
        if b"\0" not in data and path != "LICENSE":
            yield path, data.decode("utf-8", errors="replace")


def only_comments(path, text):
    """The text of a source with all but its comments blanked; lines stay lines. Documents are
    comment from end to end."""
    def blank(part):
        return re.sub(r"[^\n]", " ", part)

    if path.endswith(CODE):
        pattern = r"(/\*.*?\*/|//[^\n]*)|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'"
        parts, begin = [], 0
        for match in re.finditer(pattern, text, re.S):
            parts += [blank(text[begin:match.start()]), match.group(1) or blank(match.group(0))]
            begin = match.end()
        return "".join(parts) + blank(text[begin:])
    if path.endswith(HASHED) or text.startswith("#!"):
        return re.sub(r"^(?!\s*#).*$", lambda match: blank(match.group(0)), text, flags=re.M)
    if path.endswith((".1", ".3", ".7", ".8")):
        return re.sub(r"\\f[A-Z]", lambda match: "   ", text).replace("\\-", " -")
    return text


# ---- promises ----

def promises_of(text):
    """{number: whether it is implemented}, from the page's table rows, list items and headings
    with the paragraph below."""
    found = {}
    for match in re.finditer(r"^(?:[|*\[\- ]+|#+ [*\[]*(?=.*\n+(.*)))G(\d+)\b(.*)", text, re.M):
        below, number, line = match.groups(default="")
        found.setdefault(int(number), not NOT_YET.search(f"{line} {below}"))
    return found


def promises_in_names(path, text):
    """(number, line) for each that a test's name begins with, or a scenario's head names: the
    head is that test's title."""
    if path.endswith(".cc"):
        for match in re.finditer(r"^TEST(?:_[FP])?\(\s*\w+,\s*((?:G\d+_)+)", text, re.M):
            for number in re.findall(r"G(\d+)_", match.group(1)):
                yield int(number), line_of(text, match.start())
    elif path.startswith("tests/scenarios/") and path.endswith(".txt"):
        head = re.match(r"(?:#[^\n]*\n)*", text).group(0)
        for match in re.finditer(r"\bG(\d+)\b", head):
            yield int(match.group(1)), line_of(text, match.start())


def rule_promises(tree):
    if PROMISES not in tree.paths:
        return 0, [f"{PROMISES}:1: is not there"], 1
    promises = promises_of(tree.read(PROMISES))
    breaches, named, count = [], set(), 0
    for path, text in text_files(tree):
        if path.startswith(("tests/tidy/", "tests/golden/", "tests/fuzz/corpora/")):
            continue
        places = list(promises_in_names(path, text))
        count += len(places)
        named |= {number for number, _ in places}
        plain = only_comments(path, text)
        for match in re.finditer(r"\bG(\d{1,3})\b", plain):
            places.append((int(match.group(1)), line_of(plain, match.start())))
            # Headers may: they say which promise an oracle of the simulator watches.
            if path.startswith("tests/") and path.endswith(".cc"):
                breaches.append(f"{path}:{places[-1][1]}: G{match.group(1)} stands in a comment: "
                                "promises are named by names of tests")
        breaches += [f"{path}:{line}: there is no promise G{number}"
                     for number, line in places if number not in promises]
    breaches += [f"{PROMISES}:1: no test's name says that it defends G{number}"
                 for number, there in sorted(promises.items()) if there and number not in named]
    print(f"promises: {sum(promises.values())} of {len(promises)} are implemented")
    return count, breaches, 1


# ---- references ----

def functions_of(tree):
    """Whatever is declared, defined, called or expanded with parentheses in any source."""
    found = set()
    for path, text in text_files(tree):
        if path.endswith(CODE):
            text = without_comments(text, strings=True)
            found |= set(re.findall(r"\(\s*\*\s*(\w+)\)\s*\(", text))
        elif not path.endswith((".py", ".sh")) and not text.startswith("#!"):
            continue
        found |= set(re.findall(r"\b(\w+)\s*\(", text))
    return found


def public_names_of(tree):
    """What begins like a name of the library: in a source, or the name of a file."""
    found = {os.path.splitext(os.path.basename(path))[0] for path in tree.paths}
    for path in tree.having(*CODE):
        text = without_comments(tree.read(path))
        found |= set(re.findall(r"\b(?:lk|LK)_\w+", text))
    return found


def files_named(plain):
    """(name, offset) of what looks like a file of the project. Capitals and stars stand for
    something (FILE.txt, *_test.cc); what begins with a slash, a dot or a dollar is a machine's."""
    pattern = (r"(?<![\w*<>/.$~}{-])((?:[\w.-]+/)*[\w-]+\.(?:c|h|cc|py|sh|md|patch|txt|cmake|map))"
               r"(?![\w*{/-]|\.\w)")
    for match in re.finditer(pattern, plain):
        name = match.group(1)
        if not re.search(r"(^|/|-)[A-Z]+(\.[a-z]+|/|-)", name) or name.endswith(".md"):
            yield name, match.start()
    for match in re.finditer(r"(?<![\w*<>/.$~}{-])((?:lockd|liblock|bench|tests)/[\w./-]*\w/?)"
                             r"(?![\w*{]|\.\w)", plain):
        if "." not in os.path.basename(match.group(1)):
            yield match.group(1).rstrip("/"), match.start()


def rule_references(tree):
    known = set(tree.paths)
    for path in tree.paths:
        parts = path.split("/")
        known |= {"/".join(parts[place:]) for place in range(len(parts))}
        known |= {"/".join(parts[:place]) for place in range(1, len(parts))}
    functions = functions_of(tree)
    public = public_names_of(tree)
    count, breaches = 0, []
    for path, text in text_files(tree):
        speaks = path.endswith(CODE + HASHED + DOCUMENTS) or text.startswith("#!")
        if not speaks or RECORDS.match(path) or path.startswith(("tests/golden/", "tests/tidy/")):
            continue
        plain = only_comments(path, text)
        for name, offset in files_named(plain):
            count += 1
            beside = os.path.normpath(os.path.join(os.path.dirname(path), name))
            there = name in known or beside in known or (tree.root / name).is_dir()
            if not there and name not in ELSEWHERE:
                breaches.append(f"{path}:{line_of(plain, offset)}: there is no file {name}")
        for match in re.finditer(r"\b(\w+)\(\)", plain):
            count += 1
            if match.group(1) not in functions:
                where = f"{path}:{line_of(plain, match.start())}"
                breaches.append(f"{where}: there is no function {match.group(1)}()")
        for match in re.finditer(r"\blk_\w+|\bLK_\w+", plain):
            count += 1
            if match.group(0) not in public and match.group(0).lower() not in public:
                where = f"{path}:{line_of(plain, match.start())}"
                breaches.append(f"{where}: there is nothing of the name {match.group(0)}")
    return count, breaches, 1
