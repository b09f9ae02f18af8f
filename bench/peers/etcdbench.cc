/*
 * etcdbench: lockbench's load on etcd, through gRPC's asynchronous calls.
 *
 * A lock of one's own is a key. It is acquired by a transaction that creates it under the
 * connection's lease if it is not there, and given back by one that deletes it if it is the
 * one that was created. Two commits, and one round trip each.
 *
 * A contended lock is a prefix, as in etcd's own recipe: each waiter creates a key of its own
 * below it and has the lock when no key is left that was created before. The recipe lists the
 * waiters in each acquire and watches the one in front; here each connection watches the
 * prefix all the time and keeps the list itself. That claims no less: a list may be behind,
 * but revisions grow, so nobody can come in front of a key that is in the list, and who is the
 * first there is the first in truth. It saves a call and the listing, which costs what there
 * are waiters, on each node.
 *
 * A token is the revision that created the key.
 */
#include <chrono>
#include <cstdlib>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include <grpcpp/grpcpp.h>

#include "etcd_api.grpc.pb.h"
#include "peer_load.h"

namespace {

namespace api = etcdserverpb;

using Clock = std::chrono::system_clock;

constexpr auto turn_time = std::chrono::milliseconds(100);
constexpr auto connect_time = std::chrono::seconds(10);

/* What a completion queue hands back: something that waited for an answer. */
struct Tag {
    virtual ~Tag() = default;
    virtual void completed(bool fine) = 0;
};

/* A call to and fro that does not end: one write and one read under way at a time. */
template <class Request, class Response> class Stream : Tag {
public:
    using Call = grpc::ClientAsyncReaderWriter<Request, Response>;

    /* `start` is given context and tag; `on_read` every message that comes. */
    void
    open(const std::function<std::unique_ptr<Call>(grpc::ClientContext *, void *)> &start,
            std::function<void(const Response &)> on_read)
    {
        on_read_ = std::move(on_read);
        writing_ = true;
        call_ = start(&context_, static_cast<Tag *>(this));
    }

    void write(const Request &request)
    {
        waiting_.push_back(request);
        write_next();
    }

private:
    struct Reader : Tag {
        explicit Reader(Stream *owner) : stream(owner) {}
        void completed(bool fine) override
        {
            if (!fine)
                peer_fail("a stream was closed");
            stream->on_read_(stream->response_);
            stream->read_next();
        }
        Stream *stream;
    };

    void completed(bool fine) override
    {
        if (!fine)
            peer_fail("cannot send on a stream");
        writing_ = false;
        if (!started_)
            read_next();
        started_ = true;
        write_next();
    }

    void read_next()
    {
        call_->Read(&response_, static_cast<Tag *>(&reader_));
    }

    void write_next()
    {
        if (writing_ || waiting_.empty())
            return;
        writing_ = true;
        sent_ = waiting_.front();
        waiting_.pop_front();
        call_->Write(sent_, static_cast<Tag *>(this));
    }

    grpc::ClientContext context_;
    std::unique_ptr<Call> call_;
    std::function<void(const Response &)> on_read_;
    std::deque<Request> waiting_;
    Request sent_;
    Response response_;
    Reader reader_{this};
    bool writing_ = false;
    bool started_ = false;
};

enum class Step {
    acquire,
    wait,
    release
};

class Etcd;

/* A slot in flight, and the one call that it has under way. */
struct Slot : Tag {
    void completed(bool fine) override;

    Etcd *etcd = nullptr;
    uint32_t number = 0;
    Step step = Step::acquire;
    std::string key;
    int64_t token = 0;
    std::optional<grpc::ClientContext> context;
    grpc::Status status;
    api::TxnRequest request;
    api::TxnResponse response;
    std::unique_ptr<grpc::ClientAsyncResponseReader<api::TxnResponse>> call;
};

/*
 * Who waits for a lock, as one connection knows it: slots by the revision that made their
 * key.
 */
using Waiters = std::map<int64_t, uint32_t>;

/* A connection with its lease. */
struct Link {
    std::unique_ptr<api::KV::Stub> kv;
    std::unique_ptr<api::Watch::Stub> watch;
    std::unique_ptr<api::Lease::Stub> lease;
    int64_t lease_id = 0;
    Stream<api::WatchRequest, api::WatchResponse> news;
    Stream<api::LeaseKeepAliveRequest, api::LeaseKeepAliveResponse> keepalives;
    std::unordered_map<std::string, Waiters> waiters; /* By lock */
    std::unordered_map<std::string, int64_t> created; /* By key: when it was */
};

class Etcd {
public:
    void open(struct peer_load *load);
    void acquire(uint32_t number);
    void release(uint32_t number);
    void turn();
    void answered(Slot &slot);

private:
    void open_link(Link &link, int number);
    void watch_waiters(Link &link);
    void renew();
    void send(Slot &slot);
    void on_created(Slot &slot);
    void on_event(Link &link, const api::Event &event);
    void on_news(Link &link, const api::WatchResponse &news);
    void grant_first(Link &link, const std::string &lock);
    std::string lock_name(uint32_t number) const;

    Link &link_of(const Slot &slot)
    {
        return links_[peer_link_of(load_, slot.number)];
    }

    struct peer_load *load_ = nullptr;
    bool contended_ = false;
    grpc::CompletionQueue queue_;
    std::vector<Link> links_;
    std::vector<Slot> slots_;
    Clock::time_point next_keepalive_;
    size_t watching_ = 0;
};

/* ---- Asking ---- */

std::string Etcd::lock_name(uint32_t number) const
{
    char name[WORKLOAD_NAME_BYTES];
    size_t length = workload_name(&load_->workload, load_->slots[number].lock, name);
    return {name, length};
}

void Etcd::send(Slot &slot)
{
    slot.context.emplace();
    slot.call = link_of(slot).kv->AsyncTxn(&*slot.context, slot.request, &queue_);
    slot.call->Finish(&slot.response, &slot.status, static_cast<Tag *>(&slot));
}

void Etcd::acquire(uint32_t number)
{
    Slot &slot = slots_[number];
    slot.step = Step::acquire;
    slot.key = lock_name(number);
    if (contended_)
        slot.key += "/" + std::to_string(number);
    slot.request.Clear();
    api::Compare *absent = slot.request.add_compare();
    absent->set_target(api::Compare::CREATE);
    absent->set_key(slot.key);
    absent->set_create_revision(0);
    api::PutRequest *put = slot.request.add_success()->mutable_request_put();
    put->set_key(slot.key);
    put->set_lease(link_of(slot).lease_id);
    send(slot);
}

void Etcd::release(uint32_t number)
{
    Slot &slot = slots_[number];
    slot.step = Step::release;
    slot.request.Clear();
    api::Compare *mine = slot.request.add_compare();
    mine->set_target(api::Compare::CREATE);
    mine->set_key(slot.key);
    mine->set_create_revision(slot.token);
    slot.request.add_success()->mutable_request_delete_range()->set_key(slot.key);
    send(slot);
}

/* ---- Answers ---- */

/* If the first in the list is this connection's, and knows that it is in it. */
void Etcd::grant_first(Link &link, const std::string &lock)
{
    const Waiters &waiters = link.waiters[lock];
    if (waiters.empty() || waiters.begin()->second >= slots_.size())
        return;
    Slot &slot = slots_[waiters.begin()->second];
    if (&link_of(slot) != &link || slot.step != Step::wait ||
            slot.token != waiters.begin()->first)
        return;
    peer_acquired(load_, slot.number, LK_OK, static_cast<uint64_t>(slot.token));
}

void Etcd::on_created(Slot &slot)
{
    if (!slot.response.succeeded())
        peer_fail("%s is there already", slot.key.c_str());
    slot.token = slot.response.header().revision();
    slot.step = Step::wait;
    if (contended_)
        grant_first(link_of(slot), lock_name(slot.number));
    else
        peer_acquired(load_, slot.number, LK_OK, static_cast<uint64_t>(slot.token));
}

void Etcd::answered(Slot &slot)
{
    if (!slot.status.ok())
        peer_fail("%s: %s", slot.key.c_str(), slot.status.error_message().c_str());
    if (slot.step == Step::acquire)
        on_created(slot);
    else
        peer_released(
                load_, slot.number, slot.response.succeeded() ? LK_OK : LK_STATUS_LOST);
}

void Slot::completed(bool)
{
    etcd->answered(*this);
}

/* Keys are LOCK/SLOT. */
void Etcd::on_event(Link &link, const api::Event &event)
{
    const std::string &key = event.kv().key();
    size_t slash = key.rfind('/');
    std::string lock = key.substr(0, slash);
    Waiters &waiters = link.waiters[lock];
    if (event.type() == api::Event::PUT) {
        int64_t revision = event.kv().create_revision();
        waiters[revision] =
                static_cast<uint32_t>(std::strtoul(key.c_str() + slash + 1, nullptr, 10));
        link.created[key] = revision;
    } else {
        waiters.erase(link.created[key]);
    }
    grant_first(link, lock);
}

void Etcd::on_news(Link &link, const api::WatchResponse &news)
{
    if (news.canceled())
        peer_fail("a watch was ended");
    watching_ += news.created();
    for (const api::Event &event : news.events())
        on_event(link, event);
}

void Etcd::turn()
{
    void *tag = nullptr;
    bool fine = false;
    if (Clock::now() >= next_keepalive_)
        renew();
    auto until = Clock::now() + turn_time;
    while (queue_.AsyncNext(&tag, &fine, until) == grpc::CompletionQueue::GOT_EVENT) {
        static_cast<Tag *>(tag)->completed(fine);
        until = Clock::now();
    }
}

/* ---- Connecting ---- */

void Etcd::renew()
{
    for (Link &link : links_) {
        api::LeaseKeepAliveRequest request;
        request.set_id(link.lease_id);
        link.keepalives.write(request);
    }
    next_keepalive_ = Clock::now() + std::chrono::nanoseconds(load_->settings.ttl_ns / 3);
}

void Etcd::watch_waiters(Link &link)
{
    link.news.open(
            [&](grpc::ClientContext *context, void *tag) {
                return link.watch->AsyncWatch(context, &queue_, tag);
            },
            [this, &link](const api::WatchResponse &news) { on_news(link, news); });
    api::WatchRequest request;
    api::WatchCreateRequest *create = request.mutable_create_request();
    std::string prefix = load_->settings.prefix;
    create->set_key(prefix);
    prefix.back()++;
    create->set_range_end(prefix);
    link.news.write(request);
}

void Etcd::open_link(Link &link, int number)
{
    grpc::ChannelArguments arguments;
    arguments.SetInt(
            "link", number); /* Else those with equal arguments share a connection. */
    auto channel = grpc::CreateCustomChannel(
            load_->settings.cluster, grpc::InsecureChannelCredentials(), arguments);
    if (!channel->WaitForConnected(Clock::now() + connect_time))
        peer_fail("%s: no answer", load_->settings.cluster);
    link.kv = api::KV::NewStub(channel);
    link.watch = api::Watch::NewStub(channel);
    link.lease = api::Lease::NewStub(channel);
    grpc::ClientContext context;
    api::LeaseGrantRequest request;
    api::LeaseGrantResponse response;
    request.set_ttl(static_cast<int64_t>(load_->settings.ttl_ns / 1000000000));
    grpc::Status status = link.lease->LeaseGrant(&context, request, &response);
    if (!status.ok())
        peer_fail("no lease: %s", status.error_message().c_str());
    link.lease_id = response.id();
    link.keepalives.open(
            [&](grpc::ClientContext *stream, void *tag) {
                return link.lease->AsyncLeaseKeepAlive(stream, &queue_, tag);
            },
            [](const api::LeaseKeepAliveResponse &renewed) {
                if (renewed.ttl() <= 0)
                    peer_fail("a lease ran out");
            });
    if (contended_)
        watch_waiters(link);
}

void Etcd::open(struct peer_load *load)
{
    load_ = load;
    contended_ = load->settings.load == LOAD_CONTENDED;
    links_ = std::vector<Link>(load->settings.connections);
    slots_ = std::vector<Slot>(load->settings.inflight);
    for (uint32_t i = 0; i < slots_.size(); i++) {
        slots_[i].etcd = this;
        slots_[i].number = i;
    }
    int number = 0;
    for (Link &link : links_)
        open_link(link, number++);
    renew();
    while (contended_ && watching_ < links_.size())
        turn();
}

/* Never taken down: calls that do not end are under way when the program does. */
Etcd &etcd()
{
    static Etcd *one = new Etcd;
    return *one;
}

void open_all(struct peer_load *load)
{
    etcd().open(load);
}

void acquire_slot(struct peer_load *, uint32_t slot)
{
    etcd().acquire(slot);
}

void release_slot(struct peer_load *, uint32_t slot)
{
    etcd().release(slot);
}

void take_turn(struct peer_load *)
{
    etcd().turn();
}

} // namespace

int main(int argc, char **argv)
{
    static const struct peer_system system = {
            "etcdbench", open_all, acquire_slot, release_slot, take_turn};
    return peer_main(&system, argv + (argc > 0));
}
