#include "stop.h"

#include <signal.h>
#include <stddef.h>
#include <unistd.h>

#include "base/units.h"

const uint64_t stop_patience_ns = 2 * NS_PER_S;

/* A signal handler has nowhere else to leave what it knows. */
static volatile sig_atomic_t stopped_by;

static void on_signal(int number)
{
    if (stopped_by != 0)
        _exit(128 + number);
    stopped_by = number;
}

void stop_prepare(void)
{
    static const int signals[] = {SIGINT, SIGTERM};
    struct sigaction action = {.sa_handler = on_signal};
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
        struct sigaction before;
        /* What the caller ignores stays ignored (nohup, a shell's background). */
        if (sigaction(signals[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
            (void)sigaction(signals[i], &action, NULL);
    }
}

int stop_signal(void)
{
    return stopped_by;
}
