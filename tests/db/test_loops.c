/* SPDX-License-Identifier: MIT */
/* One descriptor in an event loop: the loop_* examples as they are, and a producer that is faster
 * than the loop. */
#include "listening.h"
#include "proxy.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define TICK_MS 10
#define LATE_MS 50

struct program {
	pid_t pid;
	int out;
};

static const char *path_of(const char *name)
{
	static char path[500];
	const char *top = getenv("top_builddir");

	snprintf(path, sizeof path, "%s/examples/%s", top ? top : ".", name);
	if (access(path, X_OK) != 0)
		t_skip("there is no %s: its library is missing", path);
	return path;
}

/* Runs `name --check` with its output and its errors in a pipe. */
static struct program start(const char *name, const char *dsn)
{
	const char *path = path_of(name);
	struct program p;
	int fds[2];

	ck_assert_int_eq(pipe2(fds, O_CLOEXEC), 0);
	p.out = fds[0];
	p.pid = fork();
	ck_assert_int_ge(p.pid, 0);
	if (p.pid == 0) {
		dup2(fds[1], 1);
		dup2(fds[1], 2);
		execl(path, path, "--check", dsn, (char *)NULL);
		_exit(127);
	}
	close(fds[1]);
	return p;
}

/* What it says until it ends. */
static void read_output(struct program *p, char *text, size_t size)
{
	size_t len = 0;
	ssize_t n = 1;

	text[0] = '\0';
	while (len + 1 < size && n > 0) {
		n = read(p->out, text + len, size - len - 1);
		len += n > 0 ? (size_t)n : 0;
		text[len] = '\0';
	}
}

static int exit_code(struct program *p)
{
	int ws = 0;

	ck_assert_int_eq(waitpid(p->pid, &ws, 0), p->pid);
	close(p->out);
	ck_assert_msg(WIFEXITED(ws), "ended by signal %d", WTERMSIG(ws));
	return WEXITSTATUS(ws);
}

/* How late the timer was; everything else must be right. */
static int run_check(const char *name)
{
	struct program p = start(name, t_dsn());
	char text[4000];
	long long answers, answer_sum, notices, notice_sum, rest_ms;
	double cpu;
	int late, got;

	read_output(&p, text, sizeof text);
	ck_assert_msg(exit_code(&p) == 0, "%s: %s", name, text);
	got = sscanf(text,
		"%lld answers, sum %lld; %lld notices, sum %lld timer at most %d ms late at rest "
		"for %lld ms, %lf %% of a CPU",
		&answers, &answer_sum, &notices, &notice_sum, &late, &rest_ms, &cpu);
	ck_assert_msg(got == 7, "%s said: %s", name, text);
	ck_assert_int_eq(answers, 1000);
	ck_assert_int_eq(answer_sum, 1001000);
	ck_assert_int_eq(notices, 1000);
	ck_assert_int_eq(notice_sum, 500500);
	ck_assert_int_ge(rest_ms, 5000);
	ck_assert_msg(cpu < 1, "%s: %.2f %% of a CPU at rest", name, cpu);
	return late;
}

/* A machine that is busy with other things makes any timer late once in a while; a loop that blocks
 * is late each time. */
static void check(const char *name)
{
	int late = 0;

	for (int i = 0; i < 3; i++) {
		late = run_check(name);
		if (late <= LATE_MS * t_slow())
			return;
	}
	ck_abort_msg("%s: a timer was %d ms late, three times in a row", name, late);
}

START_TEST(test_plain_poll)
{
	check("loop_poll");
}
END_TEST

START_TEST(test_libuv)
{
	check("loop_uv");
}
END_TEST

START_TEST(test_libevent)
{
	check("loop_event");
}
END_TEST

/* SIGTERM while a question stays without an answer and more are under way. Out of the loop,
 * listener, inbox, pool: nothing is left behind, and nothing waits for that answer. */
static void interrupt(const char *name)
{
	const char *dsn = t_proxy_dsn();
	struct program p;
	char text[4000];
	int64_t began;

	t_proxy_arm(T_HOLD_REQUEST, "select 2 * $1", 0);
	p = start(name, dsn);
	t_proxy_await();
	began = hf_now_ns();
	kill(p.pid, SIGTERM);
	read_output(&p, text, sizeof text);
	ck_assert_msg(
		exit_code(&p) == 2 && strcmp(text, "interrupted\n") == 0, "%s: %s", name, text);
	ck_assert_int_lt(t_ms_since(began), 15000 * t_slow()); /* it gives the pool 1 s */
	t_proxy_cut(T_BOTH);
}

START_TEST(test_poll_interrupted)
{
	interrupt("loop_poll");
}
END_TEST

START_TEST(test_libuv_interrupted)
{
	interrupt("loop_uv");
}
END_TEST

START_TEST(test_libevent_interrupted)
{
	interrupt("loop_event");
}
END_TEST

/* --- faster than the loop --- */

struct flood {
	hf_pool *pool;
	pthread_t thread;
	atomic_bool stop;
	long long sent;
};

static void *pour(void *arg)
{
	struct flood *f = arg;

	while (!atomic_load(&f->stop)) {
		t_done(hf_query(f->pool,
			"select pg_notify('flood', n::text) from generate_series(1, 500) n"));
		f->sent += 500;
		t_sleep_ms(20); /* 25 times what is consumed will do */
	}
	return NULL;
}

struct consumer {
	hf_pool *pool;
	hf_inbox *box;
	long long notices, dropped, gaps, answers;
};

/* A millisecond for each event: the flood is faster. */
static void consume(struct consumer *c, const hf_event *ev)
{
	t_sleep_ms(1);
	if (ev->notice) {
		c->notices += !ev->notice->gap;
		c->gaps += ev->notice->gap;
		c->dropped += (long long)ev->notice->dropped;
		return;
	}
	ck_assert_int_eq(hf_future_get(ev->future, NULL), HF_OK);
	c->answers++;
}

static void ask(struct consumer *c)
{
	hf_future *f = hf_query(c->pool, "select 1");

	ck_assert_int_eq(hf_inbox_add(c->box, f, NULL), HF_OK);
	hf_future_unref(f);
}

/* A loop of 2 s, or of 20 answers if they take longer, with 8 events in a turn at most. The most
 * milliseconds that its timer was late. */
static long long loop(struct consumer *c)
{
	struct pollfd p = { .fd = hf_inbox_fd(c->box), .events = POLLIN };
	int64_t began = hf_now_ns(), tick = began;
	long long late = 0, was = -1;

	while (t_ms_since(began) < 2000 || (c->answers < 20 && t_ms_since(began) < 20000)) {
		hf_event ev;

		if (c->answers > was) {
			was = c->answers;
			ask(c);
		}
		poll(&p, 1, TICK_MS);
		for (int i = 0; i < 8 && hf_inbox_next(c->box, 0, &ev); i++)
			consume(c, &ev);
		if (t_ms_since(tick) >= TICK_MS) {
			late = t_ms_since(tick) - TICK_MS > late ? t_ms_since(tick) - TICK_MS
								 : late;
			tick = hf_now_ns();
		}
	}
	return late;
}

static bool all_came(void *arg)
{
	struct flood *f = arg;

	return t_stats(f->pool).notices >= (uint64_t)f->sent;
}

/* By how many milliseconds the timer was later than the machine made it, at most; all else must be
 * right. */
static long long flood(void)
{
	struct consumer c = { .pool = t_pool(NULL), .box = hf_inbox_new() };
	struct flood f = { .pool = c.pool };
	struct t_watch watch;
	hf_listener *l = hf_listen(c.pool, HF_LISTEN_OPTS(.inbox = c.box, .max_waiting = 200));
	long long late;
	hf_event ev;

	t_listen(l, "flood");
	ck_assert_int_eq(pthread_create(&f.thread, NULL, pour, &f), 0);
	t_watch_begin(&watch);
	late = loop(&c);
	late -= t_watch_end(&watch);
	atomic_store(&f.stop, true);
	pthread_join(f.thread, NULL);
	ck_assert_int_ge(c.answers, 20); /* notices do not keep answers waiting */
	ck_assert_int_ge(c.gaps, 2);

	/* what waits at the end is bounded, and together with the gaps it is all that was sent */
	ck_assert(t_wait_until(all_came, &f, 10000));
	for (int i = 0; hf_inbox_next(c.box, 100, &ev); i++) {
		ck_assert_int_lt(i, 203); /* 200 notices, the last gap, an answer */
		consume(&c, &ev);
	}
	ck_assert_int_eq(c.notices + c.dropped, f.sent);
	hf_listener_unref(l);
	hf_inbox_unref(c.box);
	t_close(c.pool);
	return late;
}

START_TEST(test_faster_than_the_loop)
{
	long long late = 0;

	for (int i = 0; i < 3; i++) { /* as in check() */
		late = flood();
		if (late <= LATE_MS * t_slow())
			return;
	}
	ck_abort_msg("a timer was %lld ms late, three times in a row", late);
}
END_TEST

T_MAIN("loops",
	{ "J5 plain poll: 1,000 answers and 1,000 notices, and then rest", test_plain_poll, 60 },
	{ "J5 libuv: 1,000 answers and 1,000 notices, and then rest", test_libuv, 60 },
	{ "J5 libevent: 1,000 answers and 1,000 notices, and then rest", test_libevent, 60 },
	{ "J5 plain poll: interrupted, it ends without a trace", test_poll_interrupted, 0 },
	{ "J5 libuv: interrupted, it ends without a trace", test_libuv_interrupted, 0 },
	{ "J5 libevent: interrupted, it ends without a trace", test_libevent_interrupted, 0 },
	{ "J5 E14 notices faster than the loop: timer, answers and the count are right",
		test_faster_than_the_loop, 30 })
