/* SPDX-License-Identifier: MIT */
/* Event driven: notices come at once, and where there are none, nothing is done. */
#include "listening.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#define N 201

static int by_size(const void *a, const void *b)
{
	const int64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

struct times {
	_Atomic int64_t at[N];
};

static void on_time(const hf_notice *n, void *arg)
{
	struct times *t = arg;

	t->at[atoi(n->payload)] = hf_now_ns();
}

struct one {
	struct times *times;
	int number;
};

static bool arrived(void *arg)
{
	const struct one *o = arg;

	return o->times->at[o->number] != 0;
}

/* From before hf_notify is called until the callback runs. */
START_TEST(test_latency)
{
	hf_pool *p = t_pool(NULL);
	static struct times times;
	static int64_t took[N];
	hf_listener *l = hf_listen(p, HF_LISTEN_OPTS(.on_notice = on_time, .arg = &times));

	t_listen(l, "clock");
	for (int i = 0; i < N; i++) {
		struct one o = { &times, i };
		int64_t began = hf_now_ns();
		char text[12];

		snprintf(text, sizeof text, "%d", i);
		t_notify(p, "clock", text);
		ck_assert(t_wait_until(arrived, &o, 10000));
		took[i] = times.at[i] - began;
	}
	qsort(took, N, sizeof *took, by_size);
	printf("# delivered after %.0f us (median), %.0f us (90 %%)\n", (double)took[N / 2] / 1e3,
		(double)took[N * 9 / 10] / 1e3);
	ck_assert_int_lt(took[N / 2], 20 * 1000000LL * t_slow());
	hf_listener_unref(l);
	t_close(p);
}
END_TEST

static int64_t cpu_us(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000LL + u.ru_utime.tv_usec +
	       u.ru_stime.tv_usec;
}

/* 100 listeners on 100 channels, all ways of delivery, and nothing comes for 2 s: below 1 %. */
START_TEST(test_idle)
{
	hf_pool *p = t_pool(NULL);
	struct t_heard heard = { 0 };
	hf_inbox *box = hf_inbox_new();
	hf_listener *l[100];
	const hf_notice *n;
	int64_t cpu;

	for (int i = 0; i < 100; i++) {
		char name[20];

		snprintf(name, sizeof name, "silent %d", i);
		l[i] = hf_listen(p, i % 3 == 0 ? HF_LISTEN_OPTS(.on_notice = t_hear, .arg = &heard)
				    : i % 3 == 1 ? HF_LISTEN_OPTS(.inbox = box)
						 : NULL);
		t_listen(l[i], name);
	}
	t_wait_idle(p, 1);
	cpu = cpu_us();
	ck_assert_int_eq(hf_listener_next(l[2], 2000, &n), HF_PENDING);
	ck_assert_int_lt(cpu_us() - cpu, 20000);
	for (int i = 0; i < 100; i++)
		hf_listener_unref(l[i]);
	hf_inbox_unref(box);
	t_close(p);
}
END_TEST

T_MAIN("listen_idle", { "E12 a notice is delivered at once", test_latency, 0 },
	{ "E12 no CPU while nothing comes", test_idle, 0 })
