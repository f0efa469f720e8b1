/* SPDX-License-Identifier: MIT */
/* Monotonic time, deadlines, randomness. Wall-clock time is used nowhere: a jump of it has no
 * effect. */
#ifndef HF_BASE_CLOCK_H
#define HF_BASE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#define HF__NEVER INT64_MAX
#define HF__MS    1000000LL /* nanoseconds */

int64_t hf__now(void);

/* The instant `ms` from now; HF__NEVER for a negative ms. Saturates. */
int64_t hf__deadline(int64_t ms);
int64_t hf__after(int64_t from_ns, int64_t ms);

/* Milliseconds until `deadline`, rounded up, between 0 and `most`: what poll() takes. */
int hf__ms_left(int64_t deadline, int most);

/* The same as a limit that is handed on: at least 1, as 0 often asks for a default; -1 for
 * HF__NEVER. */
int hf__limit_ms(int64_t deadline);

struct timespec hf__timespec(int64_t ns);

/* Uniform in [0, below); 0 when below is 0. Not for secrets. */
uint64_t hf__random(uint64_t below);

#endif
