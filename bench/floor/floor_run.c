#include "floor_run.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/units.h"
#include "floor_follower.h"
#include "floor_leader.h"
#include "floor_load.h"
#include "floor_log.h"
#include "floor_net.h"
#include "tool/fail.h"

struct run {
    const struct floor_settings *settings;
    struct floor_shared *shared;
    struct floor_log logs[FLOOR_NODES];
    struct floor_listener followers;
    struct floor_listener clients;
    int started[2]; /* A pipe */
    int pids[FLOOR_PROCESSES];
};

/* ---- The four processes ---- */

static void be(const struct run *run, uint32_t number)
{
    struct floor_counters *counters = &run->shared->counters[number];
    if (number == FLOOR_LOAD) {
        floor_load(&(struct floor_load_input){
                run->settings, run->shared, run->clients.port, run->started[1]});
    } else if (number == 0) {
        floor_lead(&(struct floor_leader_input){
                run->settings, counters, &run->logs[0], run->followers, run->clients});
    } else {
        floor_follow(counters, &run->logs[number], run->followers.port);
    }
}

static void start(struct run *run, uint32_t number)
{
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid < 0)
        floor_fatal("fork", errno);
    if (pid > 0) {
        run->pids[number] = pid;
        return;
    }
    /* It never outlives the observer. */
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() == parent) {
        (void)close(run->started[0]);
        be(run, number);
    }
    _exit(0);
}

bool floor_await(const int *pids, uint32_t count)
{
    bool good = true;
    for (uint32_t ended = 0; ended < count;) {
        int status;
        pid_t pid = wait(&status);
        if (pid < 0)
            return false;
        ended++;
        bool well = WIFEXITED(status) && WEXITSTATUS(status) == 0;
        if (well || !good)
            continue;
        good = false;
        for (uint32_t i = 0; i < count; i++) {
            if (pids[i] != pid)
                (void)kill(pids[i], SIGKILL);
        }
    }
    return good;
}

/* ---- The observer ---- */

/*
 * All but idle and waiting for the disk: user, nice, system, interrupts; and what was
 * stolen.
 */
static uint64_t read_busy(void)
{
    unsigned long long user, nice, system, idle, waiting, irq, softirq, steal;
    FILE *file = fopen("/proc/stat", "re");
    if (!file)
        return 0;
    /* NOLINTNEXTLINE(cert-err34-c): the kernel writes numbers. */
    int count = fscanf(file, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &user, &nice,
            &system, &idle, &waiting, &irq, &softirq, &steal);
    (void)fclose(file);
    if (count != 8)
        return 0;
    uint64_t ticks = user + nice + system + irq + softirq + steal;
    return ticks * (NS_PER_S / (uint64_t)sysconf(_SC_CLK_TCK));
}

static uint64_t read_cpu(int pid)
{
    struct timespec time = {0};
    clockid_t clock;
    if (clock_getcpuclockid(pid, &clock) == 0)
        (void)clock_gettime(clock, &time);
    return (uint64_t)time.tv_sec * NS_PER_S + (uint64_t)time.tv_nsec;
}

static void read_all(const struct run *run, struct floor_reading *reading)
{
    reading->at_ns = floor_now();
    memcpy(reading->counters, run->shared->counters, sizeof(reading->counters));
    for (uint32_t i = 0; i < FLOOR_PROCESSES; i++)
        reading->cpu_ns[i] = read_cpu(run->pids[i]);
    reading->busy_ns = read_busy();
}

static void subtract(struct floor_reading *from, const struct floor_reading *what)
{
    from->at_ns -= what->at_ns;
    from->busy_ns -= what->busy_ns;
    for (uint32_t i = 0; i < FLOOR_PROCESSES; i++) {
        from->cpu_ns[i] -= what->cpu_ns[i];
        from->counters[i].enters -= what->counters[i].enters;
        from->counters[i].sent_bytes -= what->counters[i].sent_bytes;
        from->counters[i].disk_bytes -= what->counters[i].disk_bytes;
        from->counters[i].batches -= what->counters[i].batches;
        from->counters[i].requests -= what->counters[i].requests;
    }
}

static void sleep_until(uint64_t ns)
{
    struct timespec until = {(time_t)(ns / NS_PER_S), (long)(ns % NS_PER_S)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
        continue;
}

static void observe(const struct run *run, struct floor_reading *span)
{
    struct floor_reading before;
    char byte;
    if (read(run->started[0], &byte, 1) != 1)
        return;
    sleep_until(run->shared->begin_ns);
    read_all(run, &before);
    sleep_until(run->shared->end_ns);
    read_all(run, span);
    subtract(span, &before);
}

bool floor_run(const struct floor_settings *settings, struct floor_result *result)
{
    struct run run = {.settings = settings, .shared = floor_map(sizeof(*run.shared))};
    *result = (struct floor_result){0};
    histogram_init(&run.shared->latency);
    for (uint32_t i = 0; i < FLOOR_NODES; i++)
        floor_log_open(&run.logs[i], settings->dir, settings->log_mib * MIB);
    run.followers = floor_listen();
    run.clients = floor_listen();
    if (pipe(run.started) != 0)
        floor_fatal("pipe", errno);
    for (uint32_t i = 0; i < FLOOR_PROCESSES; i++)
        start(&run, i);
    (void)close(run.started[1]);
    observe(&run, &result->span);
    if (!floor_await(run.pids, FLOOR_PROCESSES)) {
        complain("a process of the floor failed");
        return false;
    }
    result->latency = run.shared->latency;
    result->verified = settings->verify;
    return !settings->verify || floor_logs_equal(run.logs, FLOOR_NODES, &result->blocks);
}
