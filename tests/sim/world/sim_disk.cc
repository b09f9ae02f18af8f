#include "sim/world/sim_disk.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <utility>

#include "store/format.h"

namespace sim {

namespace {

constexpr size_t sector_bytes = 512;

} // namespace

void Disk::begin_write(const wal_write &write)
{
    under_way_.push_back({write.id, write.place,
            std::vector<uint8_t>(write.bytes, write.bytes + write.count)});
}

void Disk::put_to(Segments &files, const Write &write, size_t begin, size_t end)
{
    auto it = files.find(write.place.segment);
    if (it == files.end())
        return; /* A late write, to a file that was removed meanwhile. */
    std::vector<uint8_t> &content = it->second;
    assert(write.place.offset + end <= content.size());
    std::memcpy(content.data() + write.place.offset + begin, write.bytes.data() + begin,
            end - begin);
}

void Disk::put_sector(
        Segments &files, const wal_place &sector, const std::vector<uint8_t> &bytes)
{
    auto file = files.find(sector.segment);
    if (file != files.end()) /* Not removed, or its rest cut off, since */
        std::copy(bytes.begin(), bytes.end(),
                file->second.begin() + static_cast<ptrdiff_t>(sector.offset));
}

void Disk::put(const Write &write, size_t begin, size_t end)
{
    put_to(segments, write, begin, end);
    if (platter_)
        put_to(*platter_, write, begin, end);
}

void Disk::put_some(Segments &files, const Write &write, prng &random)
{
    for (size_t at = 0; at < write.bytes.size(); at += sector_bytes) {
        if (prng_below(&random, 2) == 0)
            put_to(files, write, at, at + sector_bytes);
    }
}

void Disk::end_write(uint64_t id)
{
    auto it = std::find_if(under_way_.begin(), under_way_.end(),
            [id](const Write &write) { return write.id == id; });
    assert(it != under_way_.end());
    put(*it, 0, it->bytes.size());
    under_way_.erase(it);
}

void Disk::begin_segment(uint64_t number)
{
    segment_under_way_ = number;
}

void Disk::end_segment(uint64_t number)
{
    assert(number == segment_under_way_);
    segment_under_way_ = 0;
    segments[number].assign(segment_bytes, 0);
    if (platter_)
        (*platter_)[number].assign(segment_bytes, 0);
}

std::vector<uint8_t> Disk::read(const wal_place &place, size_t count) const
{
    auto it = segments.find(place.segment);
    if (it == segments.end() || place.offset >= it->second.size())
        return {};
    const std::vector<uint8_t> &content = it->second;
    size_t length = std::min<size_t>(count, content.size() - place.offset);
    auto begin = content.begin() + static_cast<ptrdiff_t>(place.offset);
    return {begin, begin + static_cast<ptrdiff_t>(length)};
}

/* ---- Files beside the log ---- */

void Disk::begin_file(const node_file &file)
{
    assert(!file_under_way_);
    file_under_way_ = file;
    file_bytes_.clear();
    if (file.bytes)
        file_bytes_.assign(file.bytes, file.bytes + file.count);
}

void Disk::do_file(const node_file &file, std::vector<uint8_t> bytes)
{
    std::vector<uint8_t> &temporary = temporary_[file.name];
    switch (file.action) {
    case NODE_FILE_CREATE:
        temporary.clear();
        [[fallthrough]];
    case NODE_FILE_WRITE:
        temporary.resize(std::max<size_t>(temporary.size(), file.offset + bytes.size()));
        std::copy(bytes.begin(), bytes.end(),
                temporary.begin() + static_cast<ptrdiff_t>(file.offset));
        break;
    case NODE_FILE_PUBLISH:
        (file.name == NODE_FILE_BEGIN ? log_begin : snapshots[file.number]) = temporary;
        temporary.clear();
        if (spoilt_ && spoilt_->place.segment < first_segment())
            spoilt_.reset(); /* What is spoilt is no longer of the log. */
        break;
    case NODE_FILE_DISCARD:
        temporary.clear();
        break;
    case NODE_FILE_REMOVE:
        if (file.name == NODE_FILE_SEGMENT) {
            segments.erase(file.number);
            if (platter_)
                platter_->erase(file.number);
        } else {
            snapshots.erase(file.number);
        }
        break;
    case NODE_FILE_READ:
        break;
    }
}

bool Disk::end_file(std::vector<uint8_t> &bytes)
{
    assert(file_under_way_);
    node_file file = *file_under_way_;
    file_under_way_.reset();
    if (file.action == NODE_FILE_READ) {
        auto it = snapshots.find(file.number);
        if (it == snapshots.end() || file.offset + file.count > it->second.size())
            return false;
        auto begin = it->second.begin() + static_cast<ptrdiff_t>(file.offset);
        bytes.assign(begin, begin + static_cast<ptrdiff_t>(file.count));
        return true;
    }
    bool takes_space = file.action == NODE_FILE_CREATE || file.action == NODE_FILE_WRITE;
    if (full && takes_space)
        return false;
    do_file(file, std::move(file_bytes_));
    return true;
}

uint64_t Disk::first_segment() const
{
    begin_block begin{};
    if (log_begin.empty() || log_begin_read(log_begin.data(), &begin) != BEGIN_GOOD)
        return 1;
    return begin.begin.segment;
}

void Disk::remove_leftovers(const struct node *node)
{
    uint64_t first = first_segment();
    std::erase_if(segments, [first](const auto &item) { return item.first < first; });
    if (platter_)
        std::erase_if(*platter_, [first](const auto &item) { return item.first < first; });
    std::erase_if(snapshots,
            [node](const auto &item) { return !node_has_snapshot(node, item.first); });
}

Disk::Content Disk::swap_content(Content other)
{
    Content content{segments, snapshots, log_begin, repair};
    segments = std::move(other.segments);
    snapshots = std::move(other.snapshots);
    log_begin = std::move(other.log_begin);
    repair = std::move(other.repair);
    return content;
}

void Disk::cut_short(const Write &write, End how, prng &random)
{
    if (tears) {
        put(write, 0, write.bytes.size() / 2 / sector_bytes * sector_bytes);
        return;
    }
    uint64_t fate = prng_below(&random, 4);
    if (how == End::killed && fate == 0)
        return; /* It had not been begun. */
    bool whole = how == End::killed && fate < 3;
    for (size_t at = 0; at < write.bytes.size(); at += sector_bytes) {
        if (whole || prng_below(&random, 2) == 0)
            put(write, at, at + sector_bytes);
    }
}

void Disk::end(End how, prng &random)
{
    if (how == End::power_cut) {
        if (platter_)
            segments.swap(*platter_);
        platter_.reset();
        under_way_.insert(under_way_.end(), late_.begin(), late_.end());
        late_.clear();
    }
    for (const Write &write : under_way_) {
        bool is_late = how == End::killed && late_writes && prng_below(&random, 2) == 0;
        if (is_late)
            late_.push_back(write);
        else
            cut_short(write, how, random);
    }
    under_way_.clear();
    if (file_under_way_) {
        node_file file = *file_under_way_;
        bool renames = file.action == NODE_FILE_PUBLISH || file.action == NODE_FILE_REMOVE;
        if (renames && prng_below(&random, 2) == 0)
            do_file(file, {});
        file_under_way_.reset();
    }
    temporary_.clear();
    if (segment_under_way_ != 0 && prng_below(&random, 2) == 0)
        end_segment(segment_under_way_);
    segment_under_way_ = 0;
    tears = false;
    broken = false;
}

void Disk::finish_late()
{
    for (const Write &write : late_)
        put(write, 0, write.bytes.size());
    late_.clear();
}

void Disk::fail_sync(const wal_write *writes, size_t count, prng &random)
{
    if (!page_cache)
        return;
    for (size_t i = 0; i < count; i++)
        begin_write(writes[i]);
    if (!platter_)
        platter_ = segments;
    for (const Write &write : under_way_) {
        put_to(segments, write, 0, write.bytes.size());
        put_some(*platter_, write, random);
    }
    under_way_.clear();
}

void Disk::write_again(const wal_place &place, size_t count)
{
    if (!platter_)
        return;
    const uint8_t *from = segments.at(place.segment).data() + place.offset;
    std::memcpy(platter_->at(place.segment).data() + place.offset, from, count);
}

void Disk::wipe()
{
    segments.clear();
    snapshots.clear();
    log_begin.clear();
    platter_.reset();
    late_.clear();
}

void Disk::unmount()
{
    assert(is_mounted() && under_way_.empty() && late_.empty() && !platter_);
    hidden_ = swap_content({});
}

void Disk::mount()
{
    assert(!is_mounted() && under_way_.empty());
    late_.clear();
    platter_.reset();
    (void)swap_content(*std::exchange(hidden_, std::nullopt));
}

bool Disk::rot()
{
    if (segments.empty())
        return false;
    std::vector<uint8_t> &content = segments.begin()->second;
    auto written = [](uint8_t byte) {
        return byte != 0;
    };
    auto last = std::find_if(content.rbegin(), content.rend(), written);
    auto middle = content.begin() + (content.rend() - last) / 2;
    auto byte = std::find_if(middle, content.end(), written);
    if (byte == content.end())
        return false;
    *byte ^= 0x10;
    return true;
}

/* ---- Latent damage ---- */

/* Every record and header up to where one of them says that all is durable. */
std::vector<Disk::Spot> Disk::durable_spots() const
{
    std::vector<Spot> spots;
    uint64_t durable = 0;
    for (const auto &[number, content] : segments) {
        if (number < first_segment())
            continue; /* It is no longer of the log. */
        size_t step = WAL_BLOCK_BYTES;
        for (size_t at = 0; at + WAL_BLOCK_BYTES <= content.size(); at += step) {
            format_block block;
            format_read(content.data() + at, &block);
            bool is_record = block.finding == FORMAT_RECORD;
            step = WAL_BLOCK_BYTES;
            if (!is_record && block.finding != FORMAT_HEADER)
                continue;
            const record_place &place = is_record ? block.record.place : block.header.place;
            size_t used = WAL_BLOCK_BYTES;
            if (is_record) {
                used = WAL_RECORD_HEAD_BYTES + block.record.payload_bytes;
                step = format_record_bytes(block.record.payload_bytes);
            }
            durable = std::max(durable, place.durable);
            spots.push_back({{number, at}, used, place.position + step});
        }
    }
    std::erase_if(spots, [durable](const Spot &spot) { return spot.end > durable; });
    return spots;
}

/* What the sector holds afterwards. */
std::vector<uint8_t> Disk::spoil(Damage kind, const wal_place &sector, prng &random) const
{
    const std::vector<uint8_t> &content = segments.at(sector.segment);
    const std::vector<uint8_t> *from = &content;
    size_t at = sector.offset;
    if (kind == Damage::zeroed)
        return std::vector<uint8_t>(sector_bytes, 0);
    if (kind == Damage::stale)
        from = &segments.begin()->second;
    if (kind == Damage::misdirected)
        at = prng_below(&random, content.size() / sector_bytes) * sector_bytes;
    auto begin = from->begin() + static_cast<ptrdiff_t>(at);
    return {begin, begin + sector_bytes};
}

/*
 * One segment of those that a later one follows: its header says that this one was begun.
 */
bool Disk::damage_file(Damage kind, prng &random)
{
    assert(!platter_); /* It is done to a machine without power. */
    std::vector<uint64_t> begun;
    for (const auto &[number, content] : segments) {
        format_block block{};
        if (content.size() >= WAL_BLOCK_BYTES)
            format_read(content.data(), &block);
        if (block.finding == FORMAT_HEADER && number >= first_segment())
            begun.push_back(number);
    }
    if (begun.size() < 2)
        return false;
    whole_ = segments;
    uint64_t number = begun[prng_below(&random, begun.size() - 1)];
    std::vector<uint8_t> &content = segments.at(number);
    if (kind == Damage::shortened)
        content.resize(content.size() / 2 / WAL_BLOCK_BYTES * WAL_BLOCK_BYTES);
    else if (kind == Damage::emptied)
        content.clear();
    else if (kind == Damage::missing)
        segments.erase(number);
    else
        content.swap(segments.at(number + 1));
    return true;
}

bool Disk::spoil_one(const std::vector<Spot> &spots, Damage kind, prng &random)
{
    if (spots.empty())
        return false;
    const Spot &spot = spots[prng_below(&random, spots.size())];
    size_t byte = spot.place.offset + prng_below(&random, spot.bytes);
    wal_place sector = {spot.place.segment, byte / sector_bytes * sector_bytes};
    std::vector<uint8_t> after = spoil(kind, sector, random);
    std::vector<uint8_t> &content = segments.at(sector.segment);
    if (kind == Damage::flipped)
        after[byte % sector_bytes] ^= static_cast<uint8_t>(1U << prng_below(&random, 8));
    /* Of a sector that the record fills in part only that part is looked at. */
    size_t used = std::min(sector_bytes, spot.place.offset + spot.bytes - sector.offset);
    auto begin = content.begin() + static_cast<ptrdiff_t>(sector.offset);
    if (std::equal(begin, begin + static_cast<ptrdiff_t>(used), after.begin()))
        return false;
    spoilt_ = {sector, {begin, begin + sector_bytes}};
    put_sector(segments, sector, after);
    if (platter_)
        put_sector(*platter_, sector, after);
    return true;
}

bool Disk::damage(Damage kind, prng &random)
{
    if (is_damaged())
        return false;
    if (kind >= Damage::shortened)
        return damage_file(kind, random);
    return spoil_one(durable_spots(), kind, random);
}

void Disk::will_read(const wal_place &place, size_t count)
{
    if (!rots_when_read_ || is_damaged())
        return;
    std::vector<Spot> spots = durable_spots();
    std::erase_if(spots, [&](const Spot &spot) {
        return spot.place.segment != place.segment || spot.place.offset < place.offset ||
               spot.place.offset >= place.offset + count;
    });
    if (spoil_one(spots, Damage::flipped, *rots_when_read_))
        rots_when_read_.reset();
}

void Disk::put_aside(const repair_block &kept)
{
    assert(under_way_.empty() && late_.empty());
    platter_.reset();
    rots_when_read_.reset();
    spoilt_.reset();
    whole_.clear();
    Content none;
    none.repair.resize(WAL_BLOCK_BYTES);
    repair_write(none.repair.data(), &kept);
    (void)swap_content(std::move(none));
}

void Disk::undo_damage()
{
    rots_when_read_.reset();
    if (!whole_.empty())
        segments.swap(whole_);
    whole_.clear();
    if (!spoilt_)
        return;
    put_sector(segments, spoilt_->place, spoilt_->before);
    if (platter_)
        put_sector(*platter_, spoilt_->place, spoilt_->before);
    spoilt_.reset();
}

} // namespace sim
