/* SPDX-License-Identifier: MIT */
/* A counter that one thread sleeps on: a futex.
 *
 * Note "gone". The thread that opens the gate touches it for the last time when it counts; the wake
 * that may follow names its address only. If that memory is something else by then, the wake is one
 * too many for whoever sleeps there, which every user of futexes expects. */
#include "base/gate.h"

#include "base/clock.h"

#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define SLEEPS 0x80000000u /* beside the count: somebody is to be woken */

void hf__gate_init(hf__gate *g)
{
	atomic_init(&g->state, 0);
}

void hf__gate_open(hf__gate *g)
{
	if (atomic_fetch_add_explicit(&g->state, 1, memory_order_acq_rel) & SLEEPS)
		syscall(SYS_futex, &g->state, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

/* False when the deadline has passed. */
static bool sleep_while(hf__gate *g, unsigned state, int64_t deadline)
{
	struct timespec ts, *until = NULL;

	if (deadline != HF__NEVER) {
		ts = hf__timespec(deadline);
		until = &ts;
	}
	return syscall(SYS_futex, &g->state, FUTEX_WAIT_BITSET_PRIVATE, state, until, NULL,
		       FUTEX_BITSET_MATCH_ANY) == 0 ||
	       errno != ETIMEDOUT;
}

bool hf__gate_wait(hf__gate *g, unsigned n, int64_t deadline)
{
	unsigned state = atomic_load_explicit(&g->state, memory_order_acquire);
	bool in_time = true;

	while ((state & ~SLEEPS) < n && in_time) {
		state = atomic_fetch_or_explicit(&g->state, SLEEPS, memory_order_acq_rel) | SLEEPS;
		if ((state & ~SLEEPS) < n)
			in_time = sleep_while(g, state, deadline);
		state = atomic_load_explicit(&g->state, memory_order_acquire);
	}
	return (state & ~SLEEPS) >= n;
}
