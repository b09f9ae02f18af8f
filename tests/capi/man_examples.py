#!/usr/bin/env python3
"""Make one program of the examples in the man pages.

    man_examples.py MAN_FOLDER OUTPUT.c

A page's last .EX block is the body of a function with `client` and `session`; a block before
it is what the body needs outside. Pages for event loops get a client with LK_FLAG_EXTERNAL_LOOP.
"""

import pathlib
import re
import sys

HEAD = """/* Made from the examples in the man pages by man_examples.py. */
#include <liblock.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

"""

MAIN = """
static int run(const char *name, unsigned flags,
        void (*example)(struct lk_client *, struct lk_session *))
{
    struct lk_client *client;
    struct lk_options options = LK_OPTIONS_INIT;
    options.flags = flags;
    if (lk_open(&options, &client) != LK_OK) {
        printf("%s: %s\\n", name, lk_last_error());
        return 1;
    }
    printf("%s:\\n", name);
    example(client, lk_client_session(client));
    lk_close(client);
    return 0;
}

int main(void)
{
    int failed = 0;
RUNS
    return failed;
}
"""

LOOP_PAGES = {"lk_fd", "lk_process"}


def blocks_of(text):
    found = re.findall(r"^\.EX\n(.*?)^\.EE$", text, re.M | re.S)
    return [block.replace("\\&", "").replace("\\e", "\\") for block in found]


def main():
    functions, runs = "", ""
    for path in sorted(pathlib.Path(sys.argv[1]).glob("*.[37]")):
        blocks = blocks_of(path.read_text())
        if not path.stem.startswith(("lk_", "liblock")):
            continue
        if not 1 <= len(blocks) <= 2:
            sys.exit(f"{path}: has {len(blocks)} examples")
        name = "example_" + path.stem
        body = "".join("    " + line + "\n" for line in blocks[-1].splitlines())
        own = "struct lk_client *client;" in body
        functions += blocks[0] + "\n" if len(blocks) == 2 else ""
        parameters = ("struct lk_client *unused, struct lk_session *unused_too" if own
                      else "struct lk_client *client, struct lk_session *session")
        used = "unused" if own else "client"
        also = "unused_too" if own else "session"
        functions += (f"static void {name}({parameters})\n{{\n    (void){used};\n"
                      f"    (void){also};\n{body}}}\n\n")
        loop = path.stem.endswith("_async") or path.stem in LOOP_PAGES
        flags = "LK_FLAG_EXTERNAL_LOOP" if loop else "0"
        runs += f'    failed += run("{path.stem}", {flags}, {name});\n'
    pathlib.Path(sys.argv[2]).write_text(HEAD + functions + MAIN.replace("RUNS\n", runs))


if __name__ == "__main__":
    main()
