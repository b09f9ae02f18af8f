#include "ops/log_line.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/text.h"
#include "ops/page.h"

enum {
    TIME_BYTES = 32,
    MESSAGE_BYTES_MIN = 64, /* Pairs leave so much room for the message. */
    TAIL_BYTES = 4          /* ... and it leaves so much for quote and brace. */
};

static const char *const level_names[] = {
        [LOGGER_ERROR] = "error",
        [LOGGER_WARN] = "warn",
        [LOGGER_INFO] = "info",
        [LOGGER_DEBUG] = "debug",
};

/* As syslog(3) counts */
static const int priorities[] = {
        [LOGGER_ERROR] = 3,
        [LOGGER_WARN] = 4,
        [LOGGER_INFO] = 6,
        [LOGGER_DEBUG] = 7,
};

static void write_time(char *text, const struct timespec *time)
{
    struct tm utc;
    (void)gmtime_r(&time->tv_sec, &utc);
    size_t at = strftime(text, TIME_BYTES, "%Y-%m-%dT%H:%M:%S", &utc);
    (void)snprintf(text + at, TIME_BYTES - at, ".%03ldZ", time->tv_nsec / 1000000 % 1000);
}

/* ---- JSON ---- */

/* All of it or nothing; false: it found no room. */
static bool put_escaped(struct page *page, char byte)
{
    size_t before = page->used;
    if (byte == '"' || byte == '\\')
        page_add(page, "\\%c", byte);
    else
        page_add(page, "%c", byte);
    if (!page->full)
        return true;
    page->used = before;
    page->full = false;
    return false;
}

static bool put_string(struct page *page, const char *text, size_t count)
{
    page_add(page, "\"");
    bool whole = !page->full;
    for (size_t i = 0; i < count && whole; i++)
        whole = put_escaped(page, text[i]);
    return whole;
}

/* A pair at the start of `text`: key, '=', and a value up to a blank, or in quotes. */
struct pair {
    const char *key;
    size_t key_bytes;
    const char *value;
    size_t value_bytes;
    const char *rest;
};

static bool is_of_key(char byte)
{
    return (byte >= 'a' && byte <= 'z') || byte == '_';
}

static bool is_taken(const struct pair *pair)
{
    static const char *const ours[] = {"time", "level", "event", "message"};
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++) {
        if (strlen(ours[i]) == pair->key_bytes &&
                memcmp(ours[i], pair->key, pair->key_bytes) == 0)
            return true;
    }
    return false;
}

static bool read_pair(const char *text, struct pair *pair)
{
    *pair = (struct pair){.key = text};
    while (is_of_key(text[pair->key_bytes]))
        pair->key_bytes++;
    if (pair->key_bytes == 0 || text[pair->key_bytes] != '=' || is_taken(pair))
        return false;
    const char *value = text + pair->key_bytes + 1;
    bool quoted = *value == '"';
    pair->value = quoted ? value + 1 : value;
    pair->value_bytes = strcspn(pair->value, quoted ? "\"" : " ");
    pair->rest = pair->value + pair->value_bytes;
    if (quoted && *pair->rest != '"')
        return false;
    pair->rest += quoted ? 1 : 0;
    bool last = !quoted && pair->value_bytes > 0 && pair->rest[-1] == ':';
    if (last) { /* The colon before the sentence is not of the value. */
        pair->value_bytes--;
        pair->rest--;
    }
    return true;
}

/* False, and nothing is added, if there is no room for all of it. */
static bool put_pair(struct page *page, const struct pair *pair)
{
    size_t before = page->used;
    page_add(page, ",\"%.*s\":", (int)pair->key_bytes, pair->key);
    bool whole = put_string(page, pair->value, pair->value_bytes);
    page_add(page, "\"");
    if (whole && !page->full)
        return true;
    page->used = before;
    page->full = false;
    return false;
}

static const char *skip(const char *text, const char *what)
{
    return text + strspn(text, what);
}

static void put_json(struct page *page, const struct log_event *event, const char *time,
        const char *shown)
{
    page_add(page, "{\"time\":\"%s\",\"level\":\"%s\",\"event\":\"%s\"", time,
            level_names[event->level], event->event);
    struct pair pair;
    page->room -= MESSAGE_BYTES_MIN;
    while (read_pair(shown, &pair) && put_pair(page, &pair))
        shown = skip(pair.rest, " ");
    page->room += MESSAGE_BYTES_MIN;
    shown = skip(shown, ": ");
    if (*shown != 0) {
        page_add(page, ",\"message\":");
        page->room -= TAIL_BYTES;
        (void)put_string(page, shown, strlen(shown));
        page->room += TAIL_BYTES;
        page_add(page, "\"");
    }
    page_add(page, "}");
}

/* ---- Lines ---- */

size_t log_line(char *line, const struct log_style *style, const struct log_event *event)
{
    char shown[LOG_LINE_BYTES_MAX];
    char time[TIME_BYTES];
    struct page page = page_on(line, LOG_LINE_BYTES_MAX - 1);
    (void)text_show(shown, sizeof shown, event->details, strlen(event->details));
    write_time(time, &event->time);
    if (style->journal)
        page_add(&page, "<%d>", priorities[event->level]);
    if (style->form == LOG_JSON)
        put_json(&page, event, time, shown);
    else if (style->journal)
        page_add(&page, "%s %s", event->event, shown);
    else
        page_add(&page, "%s %-5s %s %s", time, level_names[event->level], event->event,
                shown);
    size_t end = strnlen(line, LOG_LINE_BYTES_MAX - 1);
    line[end] = '\n';
    return end + 1;
}

bool log_line_is_for_journal(int descriptor)
{
    const char *stream = getenv("JOURNAL_STREAM");
    unsigned long long device = 0;
    unsigned long long inode = 0;
    struct stat is;
    if (!stream || fstat(descriptor, &is) != 0)
        return false;
    char *end = NULL;
    device = strtoull(stream, &end, 10);
    if (*end != ':')
        return false;
    inode = strtoull(end + 1, &end, 10);
    return *end == 0 && device == is.st_dev && inode == is.st_ino;
}
