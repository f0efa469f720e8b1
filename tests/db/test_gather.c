/* SPDX-License-Identifier: MIT */
/* The answers of a worker with a long queue gather before it looks at them; those of others do not.
 */
#include "pipeline.h"

#include "pool/batch_inside.h"

#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LONGEST_NS 500000
#define N          640

static atomic_long gatherings, longest_ns;

/* Nothing but gathering sleeps in it. It is found before the C library's. */
__attribute__((visibility("default"))) int ppoll(
	struct pollfd *p, nfds_t n, const struct timespec *most, const sigset_t *mask)
{
	struct timespec left = *most; /* the kernel writes to it */
	long ns = (long)most->tv_sec * 1000000000 + most->tv_nsec;

	atomic_fetch_add(&gatherings, 1);
	if (ns > atomic_load(&longest_ns))
		atomic_store(&longest_ns, ns);
	return (int)syscall(SYS_ppoll, p, n, &left, mask, 8);
}

/* Longer at the server than here, and not slow. */
static hf_future *submit(hf_pool *p, int i)
{
	return hf_query(p, "select $1::int, pg_sleep(0.0003)", i);
}

static void burst(hf_pool *p, int n)
{
	static hf_future *f[N];
	struct t_dam dam;

	t_dam_shut(&dam, p);
	for (int i = 0; i < n; i++)
		f[i] = submit(p, i);
	t_dam_open(&dam);
	for (int i = 0; i < n; i++)
		ck_assert_int_eq(t_int(f[i]), i);
}

START_TEST(test_long_queue)
{
	hf_pool *p = t_pipe_pool(T_DEPTH);

	burst(p, N);
	t_expect_together(p, T_DEPTH, N / 2);
	ck_assert_int_gt(atomic_load(&gatherings), 0);
	ck_assert_int_le(atomic_load(&gatherings), N);
	ck_assert_int_le(atomic_load(&longest_ns), LONGEST_NS);
	t_close(p);
}
END_TEST

/* All that is queued is under way, or nearly so: each answer is a caller's who waits for it. */
START_TEST(test_short_queue)
{
	hf_pool *p = t_pipe_pool(T_DEPTH);

	for (int i = 0; i < 10; i++) {
		burst(p, T_DEPTH + T_DEPTH / 2);
		ck_assert_int_eq(t_int(submit(p, i)), i);
	}
	t_expect_together(p, T_DEPTH, T_DEPTH);
	ck_assert_int_eq(atomic_load(&gatherings), 0);
	t_close(p);
}
END_TEST

/* The time between two bursts is nobody's pace. A worker that took it for one would sleep through
 * the next as long as it may. */
START_TEST(test_pause)
{
	hf_pool *p = t_pipe_pool(T_DEPTH);
	const hf__worker *w;

	for (int i = 0; i < 3; i++) {
		burst(p, 4 * T_DEPTH);
		t_wait_idle(p, 1);
		w = APR_RING_FIRST(&p->workers);
		ck_assert_int_gt(w->batch->pace_ns, 0);
		ck_assert_int_le(w->batch->pace_ns, 2 * LONGEST_NS / T_DEPTH);
		t_sleep_ms(100);
	}
	t_close(p);
}
END_TEST

T_MAIN("gather", { "the answers of a long queue gather, not for long", test_long_queue, 0 },
	{ "the answers of a short queue do not", test_short_queue, 0 },
	{ "a pause does not slow the next burst", test_pause, 0 })
