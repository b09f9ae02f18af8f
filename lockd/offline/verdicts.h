/*
 * What `lockd --check` prints: a line for each thing that it looked at.
 *
 *     disk      warning  p50 12.1 ms, p99 40.2 ms: each grant waits ...
 *
 * A problem keeps the node from starting, or from keeping its promises. A warning is for the
 * operator to judge: the node would run.
 */
#ifndef OFFLINE_VERDICTS_H
#define OFFLINE_VERDICTS_H

#ifdef __cplusplus
extern "C" {
#endif

enum verdict {
    VERDICT_OK,
    VERDICT_WARNING,
    VERDICT_PROBLEM
};

struct verdicts {
    unsigned warnings;
    unsigned problems;
};

/* Print the line on standard output, and count it. */
void verdicts_add(struct verdicts *verdicts, enum verdict verdict, const char *thing,
        const char *format, ...) __attribute__((format(printf, 4, 5)));

#ifdef __cplusplus
}
#endif

#endif
