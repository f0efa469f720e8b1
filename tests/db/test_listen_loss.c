/* SPDX-License-Identifier: MIT */
/* The connection for listening is lost: everything is listened to again, and a gap tells. */
#include "listening.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

static const hf_notice *gap(hf_listener *l)
{
	const hf_notice *n = t_any_notice(l);

	if (!n->gap)
		ck_abort_msg("\"%s\" on \"%s\" instead of a gap", n->payload, n->channel);
	return n;
}

START_TEST(test_gap)
{
	hf_pool *p = t_pool(NULL);
	hf_listener *l = hf_listen(p, NULL);
	const hf_notice *n;
	int64_t before, after;

	t_listen(l, "events");
	t_notify(p, "events", "before");
	ck_assert_str_eq(t_notice(l)->payload, "before");
	before = hf_now_ns();
	t_kill_listening();
	n = gap(l);
	after = hf_now_ns();
	ck_assert_str_eq(n->channel, "events");
	ck_assert_str_eq(n->payload, "");
	ck_assert_int_eq(n->pid, 0);
	ck_assert_uint_eq(n->dropped, 0);
	ck_assert(n->from_ns <= before && n->to_ns > before && n->to_ns <= after);
	t_notify(p, "events", "later");
	ck_assert_str_eq(t_notice(l)->payload, "later");
	ck_assert_uint_eq(t_stats(p).listen_losses, 1);
	ck_assert_uint_eq(t_stats(p).discards, 0); /* none of the pool's own */
	hf_listener_unref(l);
	t_close(p);
}
END_TEST

/* Three channels, two listeners: everybody is told, for each of their channels, and everything is
 * listened to again by then. */
START_TEST(test_all_again)
{
	static const char *const names[] = { "one", "Two", "thr\"ee" };
	hf_pool *p = t_pool(NULL);
	hf_listener *a = hf_listen(p, NULL), *b = hf_listen(p, NULL);
	const hf_notice *none;
	unsigned seen = 0;

	for (int i = 0; i < 3; i++)
		t_listen(a, names[i]);
	t_listen(b, names[1]);
	t_kill_listening();
	ck_assert_str_eq(gap(b)->channel, names[1]);
	for (int i = 0; i < 3; i++) {
		const hf_notice *n = gap(a);

		for (unsigned k = 0; k < 3; k++)
			seen |= strcmp(n->channel, names[k]) == 0 ? 1u << k : 0;
	}
	ck_assert_uint_eq(seen, 7);
	ck_assert_uint_eq(t_stats(p).listening, 3);
	for (int i = 0; i < 3; i++) {
		t_notify(p, names[i], "x");
		ck_assert_str_eq(t_notice(a)->channel, names[i]);
	}
	ck_assert_str_eq(t_notice(b)->channel, names[1]);
	ck_assert_int_eq(hf_listener_next(b, 0, &none), HF_PENDING);
	hf_listener_unref(a);
	hf_listener_unref(b);
	t_close(p);
}
END_TEST

/* More channels than one trip takes. */
START_TEST(test_thousand_channels)
{
	hf_pool *p = t_pool(NULL);
	hf_listener *l = hf_listen(p, NULL);
	hf_future *fs[1000];
	char name[40];

	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof name, "a channel with number %d", i);
		fs[i] = hf_listener_add(l, name);
	}
	for (int i = 0; i < 1000; i++)
		t_done(fs[i]);
	ck_assert_uint_eq(t_stats(p).listening, 1000);
	t_kill_listening();
	for (int i = 0; i < 1000; i++)
		gap(l);
	for (int i = 0; i < 1000; i += 111) {
		snprintf(name, sizeof name, "a channel with number %d", i);
		t_notify(p, name, "x");
		ck_assert_str_eq(t_notice(l)->channel, name);
	}
	hf_listener_unref(l);
	t_close(p);
}
END_TEST

/* What comes and goes while the server is away: a new channel is confirmed once it is back and has
 * no gap, one that was dropped is not listened to again. */
START_TEST(test_changes_meanwhile)
{
	hf_pool *p = t_pool(NULL);
	hf_listener *l = hf_listen(p, NULL);
	const hf_notice *none;
	hf_future *f;

	t_need_pgctl();
	t_listen(l, "stays");
	t_listen(l, "goes");
	ck_assert(t_pgctl("stop fast"));
	f = hf_listener_add(l, "comes");
	t_unlisten(l, "goes");
	ck_assert_int_eq(hf_future_wait_for(f, 300), HF_PENDING);
	ck_assert(t_pgctl("start"));
	t_done(f);
	ck_assert_str_eq(gap(l)->channel, "stays");
	ck_assert_uint_eq(t_stats(p).listening, 2);
	free(t_psql("notify goes; notify comes; notify stays"));
	ck_assert_str_eq(t_notice(l)->channel, "comes");
	ck_assert_str_eq(t_notice(l)->channel, "stays");
	ck_assert_int_eq(hf_listener_next(l, 0, &none), HF_PENDING);
	hf_listener_unref(l);
	t_close(p);
}
END_TEST

/* A server that freezes says nothing: after ping_idle_ms it is asked, and after ping_ms given up.
 */
START_TEST(test_frozen)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.ping_idle_ms = 100, .ping_ms = 200));
	hf_listener *l = hf_listen(p, NULL);
	const hf_notice *none;
	int pid;

	t_listen(l, "frozen");
	pid = t_listening_pid();
	ck_assert(t_pgctl("stopcont STOP %d", pid));
	gap(l);
	ck_assert(t_pgctl("stopcont CONT %d", pid));
	ck_assert_int_eq(hf_listener_next(l, 500, &none), HF_PENDING); /* pings are answered */
	t_notify(p, "frozen", "thawed");
	ck_assert_str_eq(t_notice(l)->payload, "thawed");
	hf_listener_unref(l);
	t_close(p);
}
END_TEST

/* --- away, or unwilling --- */

static atomic_int failures, timeouts;

/* Of connections for listening: attempts that failed, and losses by the server's time-out. */
static void on_log(hf_log_level level, const char *line, void *arg)
{
	(void)level;
	(void)arg;
	if (!strstr(line, "listening: "))
		return;
	if (!strstr(line, "listening: connection lost"))
		atomic_fetch_add(&failures, 1);
	else if (strstr(line, "57P05"))
		atomic_fetch_add(&timeouts, 1);
}

static int64_t cpu_us(void)
{
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000LL + u.ru_utime.tv_usec +
	       u.ru_stime.tv_usec;
}

static bool was_lost(void *pool)
{
	return t_stats(pool).listen_losses > 0;
}

#define CHANNELS 100

static void listen_to_all(hf_listener *l)
{
	char name[20];

	for (int i = 0; i < CHANNELS; i++) {
		snprintf(name, sizeof name, "away %d", i);
		t_listen(l, name);
	}
}

/* One for each channel, and no more. */
static void all_gaps(hf_listener *l)
{
	const hf_notice *none;
	int times[CHANNELS] = { 0 }, i;

	for (int k = 0; k < CHANNELS; k++) {
		ck_assert_int_eq(sscanf(gap(l)->channel, "away %d", &i), 1);
		times[i]++;
	}
	for (i = 0; i < CHANNELS; i++)
		ck_assert_int_eq(times[i], 1);
	ck_assert_int_eq(hf_listener_next(l, 0, &none), HF_PENDING);
}

/* As graphile's worker, hull (a loop at full speed) and bun (not all channels) had it. */
START_TEST(test_server_away)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.log = on_log, .log_level = HF_LOG_WARN));
	hf_listener *l = hf_listen(p, NULL);
	const hf_notice *none;
	int64_t cpu;
	int n;

	t_need_pgctl();
	listen_to_all(l);
	ck_assert(t_pgctl("stop fast"));
	ck_assert(t_wait_until(was_lost, p, 10000));
	n = failures;
	cpu = cpu_us();
	ck_assert_int_eq(hf_listener_next(l, 3000, &none), HF_PENDING);
	cpu = cpu_us() - cpu;
	n = failures - n;
	printf("# 3 s without a server: %d attempts, %.1f ms of CPU\n", n, (double)cpu / 1000);
	ck_assert_int_gt(n, 0);
	ck_assert_int_lt(n, 20);
	ck_assert_int_lt(cpu, 30000 * t_slow());
	ck_assert(t_pgctl("start"));
	all_gaps(l);
	ck_assert_uint_eq(t_stats(p).listening, CHANNELS);
	for (int i = 0; i < CHANNELS; i += 11) {
		char name[20];

		snprintf(name, sizeof name, "away %d", i);
		t_notify(p, name, "x");
		ck_assert_str_eq(t_notice(l)->channel, name);
	}
	hf_listener_unref(l);
	t_close(p);
}
END_TEST

/* t_dsn() where sessions that are idle for so long are ended by the server. */
static const char *dsn_with_timeout(int ms)
{
	static char dsn[600];

	if (strstr(t_dsn(), "://"))
		t_skip("a setting needs a connection string of keys and values");
	if (t_psql_int("select count(*) from pg_settings where name = 'idle_session_timeout'") == 0)
		t_skip("the server ends no idle sessions: it is older than 14");
	snprintf(dsn, sizeof dsn, "%s options='-c idle_session_timeout=%d'", t_dsn(), ms);
	return dsn;
}

/* The server's FATAL comes when nobody asks for anything; it is told by its code, each time. */
START_TEST(test_session_timeout)
{
	hf_pool *p = t_pool(HF_POOL_OPTS(.listen_dsn = dsn_with_timeout(300), .log = on_log,
		.log_level = HF_LOG_WARN));
	hf_listener *l = hf_listen(p, NULL);
	int64_t began = hf_now_ns(), cpu = cpu_us();

	t_listen(l, "c");
	for (int i = 0; i < 5; i++)
		ck_assert_str_eq(gap(l)->channel, "c");
	ck_assert_int_ge(timeouts, 5);
	ck_assert_int_eq(failures, 0);
	ck_assert_int_lt(cpu_us() - cpu, 50000 * t_slow());
	ck_assert_int_le((long long)t_stats(p).listen_losses, t_ms_since(began) / 300);
	do
		t_notify(p, "c", "x");
	while (t_any_notice(l)->gap);
	ck_assert_uint_eq(t_stats(p).discards, 0);
	hf_listener_unref(l);
	t_close(p);
}
END_TEST

/* The server is asked for life sooner than that. */
START_TEST(test_session_kept)
{
	hf_pool *p =
		t_pool(HF_POOL_OPTS(.listen_dsn = dsn_with_timeout(1000), .ping_idle_ms = 100));
	hf_listener *l = hf_listen(p, NULL);
	const hf_notice *none;

	t_listen(l, "c");
	ck_assert_int_eq(hf_listener_next(l, 3000, &none), HF_PENDING);
	ck_assert_uint_eq(t_stats(p).listen_losses, 0);
	hf_listener_unref(l);
	t_close(p);
}
END_TEST

T_MAIN("listen_loss", { "E11 a lost connection is a gap, and listening goes on", test_gap, 0 },
	{ "E11 each listener is told for each of its channels", test_all_again, 0 },
	{ "E11 a thousand channels are listened to again", test_thousand_channels, 0 },
	{ "E11 channels come and go while the server is away", test_changes_meanwhile, 60 },
	{ "E11 a server that is silent is asked, and given up", test_frozen, 0 },
	{ "E11 E12 a server that is away is not pressed, and a hundred channels come back",
		test_server_away, 60 },
	{ "fact-M14 E11 57P05: a session that was idle is ended, and told by its code",
		test_session_timeout, 0 },
	{ "fact-M14 E11 57P05: a session that pings is not idle", test_session_kept, 0 })
