/*
 * Entries, and the bodies of batches and of the bootstrap entry. The first byte says whether
 * the rest is a whole entry, or a body, which is then sealed so that its sum is right.
 */
#include "mirror.h"
#include "protocol/batch.h"
#include "protocol/entry.h"
#include "protocol/settings.h"

namespace {

bool inside(const unsigned char *begin, size_t size, span span)
{
    return span.count == 0 ||
           (span.bytes >= begin && span.bytes + span.count <= begin + size);
}

/* What was walked to its end is encoded again. */
void walk_batch(const unsigned char *body, size_t size)
{
    batch_reader reader;
    if (!batch_reader_init(&reader, body, size))
        return;
    bool whole = batch_is_whole(&reader);
    size_t keepalives = 0;
    keepalive keepalive{};
    while (batch_next_keepalive(&reader, &keepalive))
        keepalives++;
    size_t commands = 0;
    command command{};
    while (batch_next_command(&reader, &command)) {
        fuzz::require(inside(body, size, command.request.name), "names lie in the body");
        commands++;
    }
    fuzz::require(commands <= reader.head.command_bytes, "a command has bytes");
    bool complete = batch_complete(&reader);
    fuzz::require(whole == complete, "to ask needs no walk");
    if (complete)
        fuzz::require(
                keepalives == reader.head.keepalive_count, "all keepalives were walked");
}

void walk_entry(const unsigned char *bytes, size_t size)
{
    entry_head head{};
    if (!entry_decode(bytes, size, &head))
        return;
    fuzz::require(entry_bytes(&head) <= size, "the entry is there");
    const unsigned char *body = bytes + ENTRY_HEAD_BYTES;
    if (head.kind == ENTRY_BOOTSTRAP) {
        fuzz::mirror mirror(body, head.body_bytes);
        bootstrap bootstrap{};
        mirror.walk_known(wire_bootstrap, bootstrap);
    } else if (head.kind == ENTRY_SETTINGS) {
        fuzz::mirror mirror(body, head.body_bytes);
        settings_change change{};
        mirror.walk(wire_settings_change, change);
    } else {
        walk_batch(body, head.body_bytes);
    }
    /* Sealed again it is the same. */
    std::vector<unsigned char> again(bytes, bytes + entry_bytes(&head));
    uint64_t sum = head.sum;
    entry_seal(again.data(), &head);
    fuzz::require(sum == head.sum, "the sum is that of the entry");
    fuzz::require(memcmp(again.data(), bytes, again.size()) == 0, "so are the bytes");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0 || size > ENTRY_BODY_MAX)
        return 0;
    if (data[0] % 5 == 0) {
        walk_entry(data + 1, size - 1);
        return 0;
    }
    std::vector<unsigned char> entry(ENTRY_HEAD_BYTES + size - 1);
    std::copy(data + 1, data + size, entry.begin() + ENTRY_HEAD_BYTES);
    entry_head head{{2, 7}, 1, 9, 11, 0, static_cast<uint32_t>(size - 1), ENTRY_BATCH};
    head.kind = data[0] % 5 == 4 ? ENTRY_SETTINGS : static_cast<entry_kind>(data[0] % 5);
    entry_seal(entry.data(), &head);
    walk_entry(entry.data(), entry.size());
    return 0;
}
