#!/usr/bin/env python3
"""Each rule of tidy.py finds its breach: plants them one by one in a small tree."""

import json
import pathlib
import shutil
import sys
import tempfile

sys.dont_write_bytecode = True
import tidy  # noqa: E402

TOP = pathlib.Path(__file__).parents[2]

GOOD = {
    "liblock/base/units.h": "#ifndef UNITS_H\n#define UNITS_H\n#define KIB 1024\n#endif\n",
    "lockd/raft/raft.h": "#ifndef RAFT_H\n#define RAFT_H\nint raft_step(int event);\n#endif\n",
    "lockd/raft/raft.c": '#include "raft/raft.h"\n\n#include "base/units.h"\n\n'
                         "int raft_step(int event)\n{\n    return event + KIB;\n}\n",
    "lockd/raft/twice.h": '#ifndef TWICE_H\n#define TWICE_H\n#include "raft/raft.h"\n'
                          "static inline int raft_step_twice(int event)\n{\n"
                          "    return raft_step(raft_step(event));\n}\n#endif\n",
    "lockd/raft/back.c": '#include "raft/twice.h"\n\nint back(void);\n'
                         "int back(void)\n{\n    return raft_step_twice(0);\n}\n",
    "lockd/locks/locks.h": "#ifndef LOCKS_H\n#define LOCKS_H\nint locks_apply(void);\n#endif\n",
    "liblock/liblock.h": "#ifndef LIBLOCK_H\n#define LIBLOCK_H\n#define LK_API\n"
                         "LK_API int lk_open(void);\n#endif\n",
    "liblock/man/lk_open.3": ".TH LK_OPEN 3\n",
    "tests/unit/open_test.cc": "int lk_open();\n",
    "tests/tidy/tidy.py": "# What liblock/base/pure.h speaks of.\n",
    "tests/unit/promise_test.cc": "TEST(Raft, G1_holds) {}\n",
    "lockd/doc/guarantees.md": "| G1 | **It holds.** See `lockd/raft/`, raft.h. |\n"
                               "| G2 | (Not there yet.) `raft_step()` comes before lk_open. |\n",
    "liblock/protocol/condition.c": '/* {"sick", */\n',
    "lockd/doc/operations.md": "## What lockctl status says\n\n| `sick` | a | b | c |\n"
                               "| `unknown` | a | | c |\n\n## Every error message\n\n",
    "lockd/doc/bug-classes.md": "| 1 | a bug | seen | `lockd/raft/raft.c` | - |\n",
}

BUILT = [path for path in GOOD if path.endswith(".c")]

ROUND = "int back(void);\nint forth(void);\nint forth(void)\n{\n    return back();\n}\n"
UPWARD = '#include "raft/raft.h"\nint up(void);\nint up(void)\n{\n    return raft_step(1);\n}\n'
INLINE = ('#include "raft/twice.h"\nint low(void);\n'
          "int low(void)\n{\n    return raft_step_twice(1);\n}\n")

# Rule, file, what is put at its end (or, with None, that it is removed), what is complained.
PLANTED = [
    ("includes", "lockd/raft/raft.c", '#include "locks/locks.h"\n', "must not include"),
    ("includes", "liblock/base/units.h", '#include "raft/raft.h"\n', "must not include"),
    ("includes", "lockd/raft/raft.c", "#include <liblock.h>\n", "must not include"),
    ("includes", "lockd/raft/raft.c", '#include "raft/none.h"\n', "no such file"),
    ("includes", "lockd/raft/raft.c", "#include <signal.h>\n", "not for pure files"),
    ("includes", "lockd/other/other.c", "int other;\n", "no area"),
    ("purity", "lockd/raft/raft.c", "int roll(void);\nint roll(void)\n{\n"
                                    "    extern int rnd(void);\n    return rnd();\n}\n",
     "refers to rnd"),
    ("purity", "lockd/raft/raft.c", "#include <stdlib.h>\n", "does not compile"),
    ("purity", "lockd/raft/raft.c", "int counter = 1;\n", "mutable static"),
    ("purity", "lockd/raft/more.c", "extern int more;\n", "not in the build"),
    ("purity", "compile_commands.json", "unforced", "without base/pure.h"),
    ("calls", "lockd/raft/raft.c", ROUND, "a cycle of 2 files: back.c raft.c"),
    ("calls", "liblock/base/low.c", UPWARD, "base must not call lockd/raft/raft.c (raft)"),
    ("calls", "lockd/locks/near.c", UPWARD, "locks must not call lockd/raft/raft.c (raft)"),
    ("calls", "liblock/base/low.c", INLINE, "base must not call lockd/raft/raft.c (raft)"),
    ("promises", "tests/unit/promise_test.cc", "TEST(Raft, G3_more) {}\n", "no promise G3"),
    ("promises", "tests/unit/promise_test.cc", None, "no test's name says that it defends G1"),
    ("promises", "tests/unit/promise_test.cc", "/* G1: it holds. */\n", "in a comment"),
    ("promises", "lockd/raft/raft.c", "/* As promised. (G12) */\n", "no promise G12"),
    ("runbook", "lockd/raft/raft.c", '/* TELL_ERROR, "torn" */\n',
     "torn is not in the table of errors"),
    ("runbook", "lockd/raft/raft.c", '/* LOGGER_INFO, "well" */\n', "well is not in"),
    ("runbook", "liblock/protocol/condition.c", '/* {"ill", */\n',
     "ill is not in the table of conditions"),
    ("runbook", "lockd/doc/operations.md", "| `gone` | a | yes | b | c |\n", "lockd has no gone"),
    ("references", "lockd/raft/raft.c", "/* See gone.h. */\n", "no file gone.h"),
    ("references", "lockd/raft/raft.c", "/* As raft_gone() does. */\n", "no function raft_gone()"),
    ("references", "lockd/doc/guarantees.md", "See `tests/gone/`.\n", "no file tests/gone"),
    ("references", "liblock/man/lk_open.3", "\\fBlk_gone\\fR\n", "of the name lk_gone"),
    ("format", "lockd/raft/raft.c", "int  wide ;\n", "error:"),
    ("headers", "lockd/raft/raft.h", "uint64_t raft_term(void);\n", "alone as c17"),
    ("headers", "lockd/raft/raft.h", "int raft_new(int class);\n", "alone as c++20"),
    ("text", "lockd/raft/raft.c", "\tint a;\n", "tab"),
    ("text", "lockd/raft/raft.c", "int a; \n", "trailing blank"),
    ("text", "lockd/raft/raft.c", "int a;", "no newline"),
    ("text", "lockd/raft/raft.c", f"/* {tidy.LEFTOVERS[0]} */\n", "leftover"),
    ("text", "lockd/locks/raft.c", "int a;\n", "file name is taken"),
    ("text", "lockd/raft/raft.c", "int n = atoi(0);\n", "banned function"),
    ("docs", "liblock/man/lk_open.3", None, "has no page"),
    ("docs", "tests/unit/open_test.cc", None, "in no test"),
    ("docs", "lockd/raft/raft.c", "MARK(rare_branch);\n", "no test requires"),
    ("classes", "lockd/doc/bug-classes.md", "| 2 | another | seen | `Raft.IsGone` | - |\n",
     "there is no Raft.IsGone"),
    ("classes", "lockd/doc/bug-classes.md", "| 3 | another | seen | - | - |\n", "missing before"),
]


def build_database(root, paths, forced=True):
    """What the build would say of these files."""
    flags = "-Ilockd -Iliblock" + (f" -include {root}/liblock/base/pure.h" if forced else "")
    entries = [{"directory": str(root), "file": str(root / path),
                "command": f"gcc {flags} -flto -O2 -c {root / path}"} for path in paths]
    (root / "build" / "compile_commands.json").write_text(json.dumps(entries))


def make_tree(root):
    for path, text in GOOD.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    (root / "build").mkdir()
    shutil.copy(TOP / "liblock/base/pure.h", root / "liblock/base/pure.h")
    shutil.copy(TOP / ".clang-format", root / ".clang-format")
    build_database(root, BUILT)


def plant(root, path, text):
    if path == "compile_commands.json":
        build_database(root, BUILT, forced=False)
    elif text is None:
        (root / path).unlink()
    else:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        with open(root / path, "a", encoding="utf-8") as file:
            file.write(text)


def breaches_of(rule, root):
    return getattr(tidy, "rule_" + rule)(tidy.Tree(root, root / "build"))[1]


def main():
    failures = 0
    with tempfile.TemporaryDirectory() as folder:
        root = pathlib.Path(folder)
        make_tree(root)
        for rule in sorted({row[0] for row in PLANTED}):
            for breach in breaches_of(rule, root):
                print(f"{rule} complains of a good tree: {breach}")
                failures += 1
    for rule, path, text, complaint in PLANTED:
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            make_tree(root)
            plant(root, path, text)
            if rule == "calls":
                build_database(root, tidy.Tree(root).having(".c"))
            found = any(complaint in breach for breach in breaches_of(rule, root))
            print(f"{'found' if found else 'MISSED'}: {rule}: {path}: {complaint}")
            failures += 0 if found else 1
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
