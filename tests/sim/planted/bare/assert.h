/*
 * Stands in front of the standard header where a module is built for a planted bug
 * (planted.py): its own assertions and whole-state checks say nothing there, so that whatever
 * finds the bug stands outside of the module. Conditions are still compiled.
 */
#undef assert
#define assert(condition) ((void)sizeof((condition) ? 1 : 0))

#if !defined(__cplusplus) && !defined(static_assert)
#define static_assert _Static_assert
#endif
