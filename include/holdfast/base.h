/* SPDX-License-Identifier: MIT */
/* What every other header needs: visibility, ownership marks, durations, call sites.
 *
 * Three laws hold for every declaration of holdfast.
 *
 *   1. A pointer from a function marked HF_OWNED is yours to release; any other returned pointer is
 *      lent to you and lives as long as the object it came from. Every `*_unref` accepts NULL and
 *      returns NULL, so that `x = hf_x_unref(x)` leaves nothing dangling.
 *   2. Whatever you pass in is copied before the call returns. The one exception is the argument of
 *      a callback or an interaction: it comes with a free function, which runs exactly once however
 *      the work ends.
 *   3. Every function may be called from any thread, except those that take an hf_conn: they belong
 *      to the thread that runs the interaction.
 *
 * Out-parameters are written on success only, unless their function says otherwise. The one
 * exception is called out_error: it may be NULL, and is else written in every case, with the error,
 * yours to unref, or with NULL. */
#ifndef HOLDFAST_BASE_H
#define HOLDFAST_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define HF__BEGIN extern "C" {
#define HF__END   }
#else
#define HF__BEGIN
#define HF__END
#endif

#define HF_API         __attribute__((visibility("default")))
#define HF_OWNED       HF_API __attribute__((warn_unused_result))
#define HF_CHECK       HF_API __attribute__((warn_unused_result))
#define HF_PRINTF(fmt) __attribute__((format(printf, fmt, (fmt) + 1)))

/* Durations are ints in milliseconds, with the unit in the name (connect_ms). 0 asks for the
 * default; HF_FOREVER sets no limit. */
#define HF_FOREVER (-1)

/* In a count whose 0 asks for the default: really none. */
#define HF_NONE (-1)

HF__BEGIN

/* Releases what a callback, an interaction or a reply was given. Called once, with no lock held. */
typedef void hf_free_fn(void *arg);

/* A line of the caller's source, for log lines and reports. Copied by whoever takes it; `file` must
 * be a string that lives as long as the program, as __FILE__ does. */
typedef struct hf_site {
	const char *file;
	int line;
} hf_site;

/* The monotonic clock in nanoseconds, as hf_future_wait_until counts: CLOCK_MONOTONIC. Never fails.
 */
HF_API int64_t hf_now_ns(void);

HF__END

#ifndef __cplusplus
#define HF_HERE (&(const hf_site){ __FILE__, __LINE__ })
#endif

#endif
