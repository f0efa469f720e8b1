/* SPDX-License-Identifier: MIT */
/* A feed of jobs. Any number of workers, in any number of processes, listen for jobs and take them
 * with FOR UPDATE SKIP LOCKED: each is done once. A notice only says "look"; the table tells. So a
 * worker looks when it starts to listen, at each notice, and at each gap, when notices may have
 * been lost with the connection: no job waits for the next one to be added.
 *
 *     cc job_feed.c $(pkg-config --cflags --libs holdfast)
 *     ./a.out "postgresql:///mydb" setup
 *     ./a.out "postgresql:///mydb" work ann &
 *     ./a.out "postgresql:///mydb" work bob &
 *     ./a.out "postgresql:///mydb" add 100
 *     ./a.out "postgresql:///mydb" status
 *     kill %1 %2; ./a.out "postgresql:///mydb" cleanup */
#include <holdfast.h>

#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define CHANNEL "holdfast_jobs"
#define AT_ONCE 4 /* jobs of one worker under way */

typedef struct worker {
	const char *name;
	hf_pool *pool;
	hf_inbox *box;
	hf_listener *listener;
	int looking; /* take_job under way */
	bool news;   /* since those began, something was added */
	bool failed;
	int done;
} worker;

/* Waits for `f`, and tells when it failed. */
static bool went_well(hf_future *f)
{
	hf_error *why;
	hf_status st = hf_await(f, &why);

	if (st != HF_OK)
		fprintf(stderr, "%s\n", hf_error_message(why));
	hf_error_unref(why);
	return st == HF_OK;
}

/* Runs on the pool's threads: takes one job, does it, and commits. Until then nobody else can take
 * it, and if this process or its connection dies, everybody can again. Replies with the job's row,
 * or with none. */
static hf_status take_job(hf_conn *c, void *name, hf_reply *reply)
{
	const hf_result *job;
	int64_t id;
	hf_status st = hf_conn_query(c, &job,
		"select id, what from holdfast_job where done_by is null "
		"order by id limit 1 for update skip locked");

	if (st != HF_OK || hf_result_rows(job) == 0)
		return st;
	hf_reply_result(reply, job);
	id = hf_row_int8(hf_result_row(job, 0), 0, 0);
	/* What the job says would be done here. */
	st = hf_conn_query(c, NULL, "insert into holdfast_job_log (job, worker) values ($1, $2)",
		id, (const char *)name);
	if (st != HF_OK)
		return st;
	return hf_conn_query(c, NULL, "update holdfast_job set done_by = $1 where id = $2",
		(const char *)name, id);
}

static void look(worker *w)
{
	hf_future *f = hf_transact(w->pool, HF_RETRY(.idempotent = true),
		HF_JOB(.fn = take_job, .arg = (void *)(uintptr_t)w->name, .label = "take job"));

	w->looking++;
	w->failed |= hf_inbox_add(w->box, f, NULL) != HF_OK;
	hf_future_unref(f);
}

/* Those who look already may have missed what is new: one of them looks again. */
static void on_news(worker *w)
{
	if (w->looking < AT_ONCE)
		look(w);
	else
		w->news = true;
}

/* Somebody has looked. Where there was a job there may be more: all look. */
static void on_looked(worker *w, hf_future *f)
{
	const hf_result *job;

	w->looking--;
	if (hf_future_get(f, &job) != HF_OK) { /* ready: does not wait */
		fprintf(stderr, "%s: %s\n", w->name, hf_error_message(hf_future_error(f)));
		w->failed = true;
	} else if (job && hf_result_rows(job) > 0) {
		w->done++;
		while (w->looking < AT_ONCE)
			look(w);
	} else if (w->news) {
		w->news = false;
		look(w);
	}
}

static void on_event(worker *w, const hf_event *ev)
{
	if (ev->future) {
		on_looked(w, ev->future);
		return;
	}
	if (ev->notice->gap) {
		printf("%s: notices may be missing, looking anew\n", w->name);
		fflush(stdout);
	}
	on_news(w);
}

/* Until a signal comes; then what is under way is finished, and nothing more is taken. */
static void run(worker *w, int signals)
{
	struct pollfd fds[] = {
		{ .fd = hf_inbox_fd(w->box), .events = POLLIN },
		{ .fd = signals, .events = POLLIN },
	};
	hf_event ev;

	while (!w->failed && !fds[1].revents) {
		for (int i = 0; i < 32 && hf_inbox_next(w->box, 0, &ev); i++)
			on_event(w, &ev);
		poll(fds, 2, -1);
	}
	hf_listener_stop(w->listener);
	while (w->looking > 0 && hf_inbox_next(w->box, 10000, &ev)) {
		const hf_result *job;

		w->looking--;
		w->done += hf_future_get(ev.future, &job) == HF_OK && job && hf_result_rows(job);
	}
}

static int work(hf_pool *pool, const char *name, int signals)
{
	worker w = { .name = name, .pool = pool, .box = hf_inbox_new() };

	if (!w.box) {
		perror("inbox");
		return 1;
	}
	w.listener = hf_listen(pool, HF_LISTEN_OPTS(.inbox = w.box));
	w.failed = !went_well(hf_listener_add(w.listener, CHANNEL));
	if (!w.failed) {
		look(&w); /* what was added before it listened */
		run(&w, signals);
	}
	printf("%s: %d jobs done\n", name, w.done);
	hf_listener_unref(w.listener);
	hf_inbox_unref(w.box);
	return w.failed;
}

static int setup(hf_pool *pool)
{
	return !went_well(hf_script(pool,
		"set client_min_messages to warning;"
		"drop table if exists holdfast_job, holdfast_job_log;"
		"create table holdfast_job (id serial primary key, what text not null, done_by "
		"text);"
		"create index on holdfast_job (id) where done_by is null;"
		"create table holdfast_job_log (job int not null, worker text not null)"));
}

/* In one transaction: who is told finds them. */
static hf_status add_fn(hf_conn *c, void *n, hf_reply *reply)
{
	hf_status st = hf_conn_query(c, NULL,
		"insert into holdfast_job (what) select 'job ' || i from generate_series(1, $1) i",
		*(int *)n);

	(void)reply;
	return st == HF_OK ? hf_conn_notify(c, CHANNEL, "") : st;
}

static int add(hf_pool *pool, int n)
{
	return !went_well(hf_submit(pool, HF_JOB(.fn = add_fn, .arg = &n)));
}

static int status(hf_pool *pool)
{
	hf_result *res;
	hf_error *why;
	hf_status st = hf_fetch(pool, &res, &why,
		"select (select count(*) from holdfast_job),"
		" (select count(*) from holdfast_job where done_by is null),"
		" count(*) - count(distinct job) from holdfast_job_log");
	hf_row row = hf_result_row(res, 0);

	if (st == HF_OK)
		printf("%" PRId64 " jobs, %" PRId64 " to do, %" PRId64 " done twice\n",
			hf_row_int8(row, 0, 0), hf_row_int8(row, 1, 0), hf_row_int8(row, 2, 0));
	else
		fprintf(stderr, "%s\n", hf_error_message(why));
	hf_error_unref(why);
	hf_result_unref(res);
	return st != HF_OK;
}

static int cleanup(hf_pool *pool)
{
	return !went_well(hf_script(pool, "drop table holdfast_job, holdfast_job_log"));
}

static int command(hf_pool *pool, int argc, char **argv, int signals)
{
	const char *verb = argc > 2 ? argv[2] : "";

	if (argc == 3 && strcmp(verb, "setup") == 0)
		return setup(pool);
	if (argc == 4 && strcmp(verb, "add") == 0)
		return add(pool, atoi(argv[3]));
	if (argc == 4 && strcmp(verb, "work") == 0)
		return work(pool, argv[3], signals);
	if (argc == 3 && strcmp(verb, "status") == 0)
		return status(pool);
	if (argc == 3 && strcmp(verb, "cleanup") == 0)
		return cleanup(pool);
	fprintf(stderr, "job_feed DSN setup | add NUMBER | work NAME | status | cleanup\n");
	return 1;
}

int main(int argc, char **argv)
{
	sigset_t set;
	int signals, rc;
	hf_pool *pool;
	hf_error *why;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signals = signalfd(-1, &set, SFD_CLOEXEC);
	if (signals < 0) {
		perror("signalfd");
		return 1;
	}
	if (hf_pool_open(argc > 1 ? argv[1] : "",
		    HF_POOL_OPTS(.name = argc > 3 ? argv[3] : "job_feed", .max_conns = AT_ONCE),
		    &pool, &why) != HF_OK) {
		fprintf(stderr, "%s\n", hf_error_message(why));
		hf_error_unref(why);
		return 1;
	}
	rc = command(pool, argc, argv, signals);
	hf_pool_close(pool, 0);
	hf_pool_unref(pool);
	close(signals);
	return rc;
}
