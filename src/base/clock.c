/* SPDX-License-Identifier: MIT */
/* Monotonic time, deadlines, randomness. */
#include "base/clock.h"

#include <holdfast/base.h>

#include <limits.h>
#include <sys/random.h>

int64_t hf__now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

int64_t hf_now_ns(void)
{
	return hf__now();
}

int64_t hf__after(int64_t from_ns, int64_t ms)
{
	int64_t ns, sum;

	if (ms < 0 || __builtin_mul_overflow(ms, HF__MS, &ns) ||
		__builtin_add_overflow(from_ns, ns, &sum))
		return HF__NEVER;
	return sum;
}

int64_t hf__deadline(int64_t ms)
{
	return ms < 0 ? HF__NEVER : hf__after(hf__now(), ms);
}

int hf__ms_left(int64_t deadline, int most)
{
	int64_t left;

	if (deadline == HF__NEVER)
		return most;
	left = deadline - hf__now();
	if (left <= 0)
		return 0;
	left = left / HF__MS + (left % HF__MS != 0);
	return left < most ? (int)left : most;
}

int hf__limit_ms(int64_t deadline)
{
	int left = hf__ms_left(deadline, INT_MAX);

	if (deadline == HF__NEVER)
		return -1;
	return left < 1 ? 1 : left;
}

struct timespec hf__timespec(int64_t ns)
{
	struct timespec ts;

	ts.tv_sec = (time_t)(ns / 1000000000LL);
	ts.tv_nsec = (long)(ns % 1000000000LL);
	return ts;
}

uint64_t hf__random(uint64_t below)
{
	uint64_t x;

	/* Without entropy (an early boot) the clock spreads retries well enough. */
	if (getrandom(&x, sizeof x, GRND_NONBLOCK) != (ssize_t)sizeof x)
		x = (uint64_t)hf__now() * 0x9E3779B97F4A7C15ULL;
	return below ? x % below : 0;
}
