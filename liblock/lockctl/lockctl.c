/*
 * lockctl: locks of a lockd cluster from the shell. `run` is the everyday use.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "lockctl/hygiene.h"
#include "lockctl/lockctl.h"
#include "tool/fail.h"

struct subcommand {
    const char *name;
    const char *complains_as;
    int (*call)(char **arguments);
    const char *about;
};

static const struct subcommand subcommands[] = {
        {"run", "lockctl run", run_command, "run a command while holding a lock"},
        {"acquire", "lockctl acquire", acquire_command,
                "acquire a lock and hold it until stopped"},
        {"release", "lockctl release", release_command,
                "release a lock that `acquire` holds"},
        {"check", "lockctl check", check_command, "ask whether a token still holds a lock"},
        {"status", "lockctl status", status_command, "show the status of each node"},
        {"list", "lockctl list", list_command, "list the locks that are held"},
        {"query", "lockctl query", query_command, "show who holds a lock"},
        {"members", "lockctl members", members_command,
                "list or change the members of the cluster"},
        {"transfer", "lockctl transfer", transfer_command, "let another node lead"},
        {"upgrade", "lockctl upgrade", upgrade_command,
                "show or finish the upgrade of the cluster"},
        {"backup", "lockctl backup", backup_command,
                "write the state of the cluster to a file, or verify such a file"},
};

enum {
    SUBCOMMAND_COUNT = sizeof(subcommands) / sizeof(subcommands[0])
};

static int show_help(FILE *out)
{
    (void)fputs("usage: lockctl COMMAND [options]\n\n", out);
    for (size_t i = 0; i < SUBCOMMAND_COUNT; i++)
        (void)fprintf(out, "  %-10s %s\n", subcommands[i].name, subcommands[i].about);
    (void)fputs(
            "  version    print the version\n\n"
            "Name the nodes with --cluster LIST or LOCKD_CLUSTER=host:port,host:port,host:port.\n"
            "`lockctl COMMAND --help` lists the options of a command; lockctl(1) has the rest.\n",
            out);
    return EXIT_DONE;
}

static const struct subcommand *find(const char *name)
{
    for (size_t i = 0; i < SUBCOMMAND_COUNT; i++) {
        if (strcmp(subcommands[i].name, name) == 0)
            return &subcommands[i];
    }
    return NULL;
}

static bool is_one_of(const char *word, const char *a, const char *b, const char *c)
{
    return strcmp(word, a) == 0 || strcmp(word, b) == 0 || strcmp(word, c) == 0;
}

/* `lockctl help run` is `lockctl run --help`. */
static int help(char **arguments)
{
    static char flag[] = "--help";
    char *asked[] = {flag, NULL};
    const struct subcommand *command = arguments[0] ? find(arguments[0]) : NULL;
    return command ? command->call(asked) : show_help(stdout);
}

static int no_such(const char *word)
{
    char names[256] = "";
    size_t used = 0;
    for (size_t i = 0; i < SUBCOMMAND_COUNT && used < sizeof(names); i++)
        used += (size_t)snprintf(
                names + used, sizeof(names) - used, "%s, ", subcommands[i].name);
    complain("\"%s\": no such command; commands are %sversion and help", word, names);
    return EXIT_WRONG_USAGE;
}

static int dispatch(char **arguments)
{
    const char *word = arguments[0];
    if (!word) {
        show_help(stderr);
        return EXIT_WRONG_USAGE;
    }
    if (is_one_of(word, "help", "--help", "-h"))
        return help(arguments + 1);
    if (is_one_of(word, "version", "--version", "-V")) {
        (void)printf("lockctl %s\n", lk_version());
        return EXIT_DONE;
    }
    const struct subcommand *command = find(word);
    if (!command)
        return no_such(word);
    complain_as(command->complains_as);
    return command->call(arguments + 1);
}

/*
 * Output to a full disk, or to nowhere, must not count as success. Who stops reading has
 * seen enough: no line about that, but the code of the signal that usually ends a writer.
 */
static int end_output(int code)
{
    errno = 0;
    bool failed = fflush(stdout) != 0;
    int error = errno;
    failed = ferror(stdout) != 0 || failed;
    if (!failed || (code != EXIT_DONE && code != EXIT_NO))
        return code;
    if (error == EPIPE)
        return EXIT_SIGNAL + SIGPIPE;
    complain("cannot write the output%s%s", error != 0 ? ": " : "",
            error != 0 ? strerror(error) : "");
    return EXIT_SYSTEM;
}

int main(int argc, char **argv)
{
    hygiene_start();
    complain_as("lockctl");
    complain_without_waiting();
    return end_output(dispatch(argv + (argc > 0)));
}
