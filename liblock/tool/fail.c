#include "tool/fail.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"

enum {
    /* At most what a pipe takes as a whole (PIPE_BUF); a longer line is cut. */
    LINE_BYTES = 4096
};

static const char *command_name = "lockd";
static bool may_wait = true;
static int line_file = STDERR_FILENO;

void complain_as(const char *name)
{
    command_name = name;
}

void complain_without_waiting(void)
{
    may_wait = false;
    if (line_file != STDERR_FILENO)
        close(line_file);
    line_file = STDERR_FILENO;
    struct stat status;
    if (fstat(STDERR_FILENO, &status) < 0 ||
            !(S_ISFIFO(status.st_mode) || S_ISCHR(status.st_mode)))
        return;
    /* A descriptor of our own: O_NONBLOCK on the old one would change the command's, too. */
    int opened = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (opened > STDERR_FILENO)
        line_file = opened;
}

int complain_descriptor(void)
{
    return line_file;
}

static ssize_t put(const char *bytes, size_t count)
{
    return write(line_file, bytes, count);
}

/* The whole line or nothing, and at once. */
static void put_at_once(const char *bytes, size_t count)
{
    ssize_t sent = send(STDERR_FILENO, bytes, count, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent >= 0 || errno != ENOTSOCK)
        return;
    struct pollfd room = {line_file, POLLOUT, 0};
    if (poll(&room, 1, 0) == 1)
        (void)!put(bytes, count);
}

static void put_all(const char *bytes, size_t count)
{
    while (count > 0) {
        ssize_t written = put(bytes, count);
        if (written < 0 && errno != EINTR)
            return;
        bytes += written > 0 ? written : 0;
        count -= written > 0 ? (size_t)written : 0;
    }
}

void complain(const char *format, ...)
{
    char text[LINE_BYTES];
    char line[LINE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    size_t count = length < 0 ? 0 : strlen(text);
    size_t end = (size_t)snprintf(line, sizeof(line), "%.200s: ", command_name);
    end += text_show(line + end, sizeof(line) - end - 1, text, count);
    line[end++] = '\n';
    if (may_wait)
        put_all(line, end);
    else
        put_at_once(line, end);
}

void *need(void *memory)
{
    if (memory)
        return memory;
    complain("out of memory");
    exit(70);
}
