/*
 * The disk of a simulated machine: what is on it for certain, and what is on its way there.
 *
 * A write becomes durable when it completes. Until then a kill leaves all, none or some
 * sectors of it, and a power cut any of them; what of it was there once is read again.
 */
#ifndef SIM_DISK_H
#define SIM_DISK_H

#include <cstdint>
#include <map>
#include <vector>

#include "base/prng.h"
#include "store/wal.h"

namespace sim {

enum class End {
    killed,   /* kill -9: the kernel goes on, and closes its connections */
    power_cut /* Nobody is told. */
};

class Disk {
public:
    uint64_t segment_bytes = 0;
    std::map<uint64_t, std::vector<uint8_t>> segments;
    bool full = false;   /* No segment can be made. */
    bool broken = false; /* The next write fails: its node stops. */
    bool tears = false;  /* Writes that the machine's end cuts short: their first half */
    uint64_t stalled_until = 0;

    void begin_write(const wal_write &write);
    void end_write(uint64_t id);
    void begin_segment(uint64_t number);
    void end_segment(uint64_t number);
    std::vector<uint8_t> read(const wal_place &place, size_t count) const;

    /* The machine went down. */
    void end(End how, prng &random);

    void wipe();
    /* Flip a bit in the middle of what was written. False: nothing was. */
    bool rot();

private:
    struct Write {
        uint64_t id;
        wal_place place;
        std::vector<uint8_t> bytes;
    };
    void put(const Write &write, size_t begin, size_t end);
    void cut_short(const Write &write, End how, prng &random);

    std::vector<Write> under_way_;
    uint64_t segment_under_way_ = 0;
};

} // namespace sim

#endif
