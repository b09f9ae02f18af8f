/*
 * What can be left out of a history so that the rest does not look wrong.
 *
 * Two grants are a violation if the release between them is left out, so a part of a
 * history proves something only if it has all that could excuse what is in it. `of` lists
 * these for one operation: for a grant, all that may have ended its hold; for a refused
 * try, all that may have been in its way; for an accepted release, its grant. A set of
 * operations that has the excuses of each of its members is *closed*. The promise: every
 * closed part of a possible history is possible. So if a closed part is impossible, the
 * history is impossible.
 *
 * An operation that only binds (a renew, an answer that the lock is free) excuses nothing,
 * and may always be left out.
 */
#ifndef LINEAR_EXCUSES_H
#define LINEAR_EXCUSES_H

#include <map>
#include <unordered_map>

#include "lockcheck/history/session_lives.h"

namespace linear {

using Numbers = std::vector<uint32_t>; /* Of operations: where they are in the history */

class Excuses {
public:
    /* Both must stay in place while this is used. */
    Excuses(const History &history, const Sessions &sessions);

    Numbers of(uint32_t number) const;

    const Numbers &of_lock(int32_t lock) const;
    const Numbers &of_token(uint64_t token, int32_t lock) const;
    const Numbers &of_session(uint64_t session) const;
    const Numbers &grants_by_token(int32_t lock) const;

    /* How much has been looked at so far: the cost of the calls. */
    uint64_t looked_at() const
    {
        return looked_at_;
    }

private:
    using Key = std::pair<uint64_t, int32_t>; /* A session or a token; a lock */

    const Operation &at(uint32_t number) const;
    void lease(uint64_t session, Numbers &out) const;
    void life(uint64_t session, Numbers &out) const;
    bool needs_session_lease(const Operation &op) const;
    void of_grant(const Operation &op, Numbers &out) const;
    void of_tokenless_grant(const Operation &op, Numbers &out) const;
    void of_accepted(const Operation &op, Numbers &out) const;
    void of_query(const Operation &op, Numbers &out) const;
    bool given_by(Key token, uint64_t session, Numbers &out) const;
    void unheard(Key session, const Operation &by, Numbers &out) const;
    void asked_by(Key session, const Operation &by, Numbers &out) const;
    void in_the_way(const Operation &op, Numbers &out) const;
    void look_for_ends();
    int64_t over_at(const Operation &ask) const;
    int64_t given_back_at(const Operation &grant) const;
    int64_t overtaken_at(const Operation &grant) const;

    const History &history_;
    const Sessions &sessions_;
    std::unordered_map<int32_t, Numbers> by_lock_;     /* By call, as all of these */
    std::unordered_map<uint64_t, Numbers> by_session_; /* Without queries */
    std::unordered_map<uint64_t, Numbers> lives_;      /* Opens and closes */
    std::map<Key, Numbers> by_token_;
    std::map<Key, Numbers> by_pair_; /* Of one session, about one lock */
    struct Heir {
        uint64_t token;
        uint32_t number;
        int64_t ret; /* Of the grants with this token or a larger one, the first return */
        int64_t exclusive; /* The same, of exclusive ones */
    };
    std::unordered_map<int32_t, std::vector<Heir>> heirs_; /* By token */
    std::unordered_map<int32_t, Numbers> by_token_order_;
    std::unordered_map<int32_t, Numbers> asks_;
    std::vector<int64_t> over_; /* For asks: from this time on they hold nothing */
    std::unordered_map<int32_t, std::vector<int64_t>>
            ends_; /* For blocks of asks, the last of these */
    mutable uint64_t looked_at_ = 0;
};

} // namespace linear

#endif
