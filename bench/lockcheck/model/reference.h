/*
 * The second engine: it answers the same question without any of the search's knowledge. It
 * tries every order of the operations, of expiries and of what unknown operations may have
 * done, and applies the rules of the model one after the other at increasing times. It is
 * for histories of about ten operations on one lock. Its purpose is to check the search.
 */
#ifndef LINEAR_REFERENCE_H
#define LINEAR_REFERENCE_H

#include "lockcheck/history/history.h"

namespace linear {

enum class Answer {
    possible,
    impossible,
    too_long
};

constexpr size_t reference_operations_max = 16;

/* The operations of one lock, and those of sessions. */
Answer ask_reference(const History &history, int32_t lock, int64_t drift_ppm);

} // namespace linear

#endif
