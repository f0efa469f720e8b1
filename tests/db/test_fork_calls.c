/* SPDX-License-Identifier: MIT */
/* In the child of a fork every call on what is its parent's is refused: whatever blocks or submits
 * answers HF_E_FORKED, at once, and the parent goes on with all of it. */
#include "models.h"
#include "pipeline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* What a parent has. */
struct family {
	hf_pool *p;
	hf_future *pending, *done;
	hf_txn *txn;
	hf_listener *l;
	hf_inbox *box;
	hf_engines *e;
	hf_scope *scope;
	hf_global *g;
	hf_models *m;
	hf_token parked;
};

struct call {
	const char *text;
	hf_status st;
};

#define CALL(expr)                                                                                 \
	{                                                                                          \
#expr, (expr)                                                                      \
	}
#define SENT(expr)                                                                                 \
	{                                                                                          \
#expr, hf_await((expr), NULL)                                                      \
	}
#define NONE(expr)                                                                                 \
	{                                                                                          \
#expr, why_none((expr), &why)                                                      \
	}

/* 0, or one: the calls that did not answer HF_E_FORKED are on stderr. */
static int all_forked(const struct call *calls, size_t n)
{
	int bad = 0;

	for (size_t i = 0; i < n; i++)
		if (calls[i].st != HF_E_FORKED) {
			fprintf(stderr, "%s: %s\n", calls[i].text, hf_status_name(calls[i].st));
			bad = 1;
		}
	return bad;
}

/* Of a call that gives an object, or tells why not. */
static hf_status why_none(const void *object, hf_error **why)
{
	hf_status st = object ? HF_OK : hf_error_status(*why);

	*why = hf_error_unref(*why);
	return st;
}

static int freed;

static void count(void *n)
{
	++*(int *)n;
}

static void nothing(void *arg)
{
	(void)arg;
}

static hf_status never(hf_conn *c, void *arg, hf_reply *reply)
{
	(void)c;
	(void)arg;
	(void)reply;
	return HF_OK;
}

static void never_ready(hf_future *f, void *arg)
{
	(void)f;
	(void)arg;
}

static hf_status no_row(hf_row row, void *arg)
{
	(void)row;
	(void)arg;
	return HF_OK;
}

static hf_status no_rows(hf_copy *copy, void *arg)
{
	(void)copy;
	(void)arg;
	return HF_OK;
}

static hf_status no_tables(const char *engine, const char *url, const hf_result *tables, void *arg)
{
	(void)engine;
	(void)url;
	(void)tables;
	(void)arg;
	return HF_OK;
}

static int of_pools(const struct family *f)
{
	hf_pool *p = f->p;
	hf_error *why = NULL;
	bool yes;
	hf_result *res;
	hf_txn *t = NULL;
	/* clang-format off */
	const struct call calls[] = {
		CALL(hf_pool_ready(p, 100, NULL)), CALL(hf_pool_resize(p, 1, 2)), CALL(hf_pool_close(p, 100)),
		CALL(hf_pool_terminate(p)), CALL(hf_pool_reopen(p, NULL)),
		SENT(hf_query(p, "select 1")), SENT(hf_query_with(p, HF_QUERY_OPTS(.label = "x", .read_only = true), "select 1")),
		CALL(hf_fetch(p, &res, NULL, "select 1")),
		CALL(hf_fetch_with(p, HF_QUERY_OPTS(.on_row = no_row, .arg = &freed, .free_arg = count), NULL, NULL, "select 1")),
		SENT(hf_script(p, "select 1; select 2")), SENT(hf_dry_run(p, "select $1", 1)),
		SENT(hf_run(p, never, &freed, count)), SENT(hf_submit(p, HF_JOB(.fn = never, .arg = &freed, .free_arg = count))),
		SENT(hf_transact(p, NULL, HF_JOB(.fn = never, .arg = &freed, .free_arg = count))),
		SENT(hf_copy_in(p, "kept", no_rows, &freed, count)), SENT(hf_copy_out(p, "kept", no_row, &freed, count)),
		SENT(hf_outcome_setup(p)), SENT(hf_outcome_prune(p, 60)),
		SENT(hf_prepared_list(p)), SENT(hf_prepared_commit(p, "x")), SENT(hf_prepared_rollback(p, "x")),
		SENT(hf_notify(p, "c", "x")), SENT(hf_ping(p, 100)), SENT(hf_schemas(p)), SENT(hf_tables(p, NULL)),
		CALL(hf_database_create(p, "never", NULL, NULL)), CALL(hf_database_drop(p, "never", NULL, NULL)),
		CALL(hf_database_exists(p, "never", &yes, NULL)), CALL(hf_database_list(p, true, &res, NULL)),
		NONE(hf_pool_snapshot(p, &why)), CALL(hf_txn_resume(p, f->parked.text, &t, NULL)),
	};
	/* clang-format on */

	return all_forked(calls, T_COUNT(calls)) || freed != 6;
}

static int of_futures(const struct family *f)
{
	hf_future *both[] = { f->done, f->pending };
	hf_inbox *own = hf_inbox_new();
	const hf_result *res;
	size_t i;
	/* clang-format off */
	const struct call calls[] = {
		CALL(hf_future_wait(f->pending)), CALL(hf_future_wait_for(f->pending, 0)),
		CALL(hf_future_wait_until(f->pending, 0)), CALL(hf_future_wait(f->done)),
		CALL(hf_wait_all(both, 2, 1000)), CALL(hf_wait_any(both, 2, 1000, &i)),
		CALL(hf_future_get(f->done, &res)), CALL(hf_future_get_for(f->pending, 1000, &res)),
		CALL(hf_await(f->pending, NULL)), CALL(hf_error_status(hf_future_error(f->done))),
		CALL(hf_future_cancel(f->pending)), CALL(hf_future_on_ready(f->done, never_ready, &freed, count)),
		SENT(hf_when_all(both, 2)), SENT(hf_when_any(both, 2)),
		CALL(hf_inbox_add(own, f->pending, NULL)), CALL(hf_inbox_add(f->box, f->done, NULL)),
	};
	/* clang-format on */
	hf_event event;

	hf_inbox_unref(own);
	return all_forked(calls, T_COUNT(calls)) || freed != 7 || hf_future_take(f->done) ||
	       hf_future_value(f->done) || hf_inbox_next(f->box, 0, &event);
}

static int of_transactions(const struct family *f)
{
	hf_txn *t = f->txn, *late = hf_txn_begin(f->p, NULL), *copy = f->txn;
	hf_global *own = hf_global_new(NULL);
	hf_token token;
	/* clang-format off */
	const struct call calls[] = {
		SENT(hf_txn_query(t, "select 1")), SENT(hf_txn_query_with(t, HF_QUERY_OPTS(.then = HF_THEN_COMMIT), "select 1")),
		SENT(hf_txn_run(t, HF_JOB(.fn = never, .arg = &freed, .free_arg = count))),
		SENT(hf_txn_savepoint(t, "s")), SENT(hf_txn_rollback_to(t, "s")), SENT(hf_txn_release(t, "s")),
		SENT(hf_txn_notify(t, "c", "x")), CALL(hf_txn_on_commit(t, nothing, &freed, count)),
		SENT(hf_txn_commit(t)), SENT(hf_txn_rollback(t)), SENT(hf_txn_commit_chain(t)), SENT(hf_txn_rollback_chain(t)),
		CALL(hf_txn_park(&copy, 0, &token, NULL)),
		SENT(hf_txn_query(late, "select 1")), SENT(hf_txn_commit(late)),
		SENT(hf_txn_query(hf_global_begin(f->g, f->p, NULL), "select 1")),
		SENT(hf_txn_query(hf_global_begin(own, f->p, NULL), "select 1")),
		CALL(hf_global_join(f->g, HF_PARTICIPANT(.arg = &freed, .free_arg = count))),
		CALL(hf_global_commit(f->g, NULL)), CALL(hf_global_abort(f->g)), CALL(hf_global_commit(own, NULL)),
	};
	/* clang-format on */

	hf_global_free(own);
	hf_global_free(f->g);
	return all_forked(calls, T_COUNT(calls)) || freed != 10 || hf_txn_unref(late) || copy != t;
}

static int of_listeners(const struct family *f)
{
	hf_listener *late = hf_listen(f->p, HF_LISTEN_OPTS(.arg = &freed, .free_arg = count));
	const hf_notice *n;
	const struct call calls[] = {
		SENT(hf_listener_add(f->l, "d")),
		SENT(hf_listener_drop(f->l, "c")),
		CALL(hf_listener_next(f->l, 1000, &n)),
		CALL(hf_listener_stop(f->l)),
		SENT(hf_listener_add(late, "d")),
		CALL(hf_listener_next(late, 1000, &n)),
	};

	return all_forked(calls, T_COUNT(calls)) || freed != 11 || hf_listener_unref(late);
}

static int of_engines(const struct family *f)
{
	hf_engines *e = f->e, *own = hf_engines_new();
	hf_error *why = NULL;
	/* clang-format off */
	const struct call calls[] = {
		CALL(hf_engines_open(e, "x", t_dsn(), NULL, NULL)), CALL(hf_engines_add(e, "x", f->p, NULL, NULL)),
		CALL(hf_engines_add(own, "x", f->p, NULL, NULL)), CALL(hf_engines_assign(e, "x", "writer", NULL)),
		CALL(hf_engines_bind(e, "x", "writer", NULL, NULL)), CALL(hf_engines_remove(e, "writer", 0, NULL)),
		CALL(hf_engines_configure(e, "", &(hf_setting){ "x.url", t_dsn() }, 1, NULL)), CALL(hf_engines_close(e, 100)),
		NONE(hf_engines_get(e, "writer", &why)), NONE(hf_engines_copy(e, &why)), NONE(hf_engines_copy_at(e, "x", &why)),
		NONE(hf_engines_create_database(e, "never", NULL, &why)), CALL(hf_engines_drop_database(e, "never", NULL, NULL)),
		CALL(hf_engines_tables(e, NULL, no_tables, NULL, NULL)), SENT(hf_engines_ping(e, NULL, 100)),
		NONE(hf_engines_snapshot(e, &why)), NONE(hf_engines_bound(e, &task_table, true, &why)),
		NONE(hf_models_bound(f->m, e, NULL, &why)),
	};
	/* clang-format on */

	hf_engines_unref(own);
	return all_forked(calls, T_COUNT(calls));
}

/* Whatever carries it. */
static int of_session(hf_session *s)
{
	struct task row = { .id = 1, .subject = "roof" }, *one;
	const uint32_t *id = HF_COLUMNS(HF_C(task, id));
	hf_rows *rows;
	bool yes;
	int64_t n;
	/* clang-format off */
	const struct call calls[] = {
		CALL(hf_session_fetch(s, NULL, NULL, "select 1")),
		CALL(hf_insert(s, task, &row)), CALL(hf_update(s, task, &row)), CALL(hf_save(s, task, &row, &yes)),
		CALL(hf_upsert(s, task, &row, id, HF_REST, &yes)), CALL(hf_delete(s, task, &row)),
		CALL(hf_get(s, task, &one, HF_EQ(task, id, 1))), CALL(hf_one(s, task, &one, HF_EQ(task, id, 1))),
		CALL(hf_get_or_create(s, task, &one, &yes, &row, HF_EQ(task, id, 1))),
		CALL(hf_select(s, task, &rows, HF_ALL)), CALL(hf_count(s, task, &n, HF_ALL)), CALL(hf_exists(s, task, &yes, HF_ALL)),
		CALL(hf_insert_many(s, task, &row, 1)), CALL(hf_update_many(s, task, &row, 1, NULL, &n)),
		CALL(hf_delete_where(s, task, &n, HF_ALL)), CALL(hf_table_create(s, &task_table, 0)),
		CALL(hf_table_drop(s, &task_table, 0)), CALL(hf_table_exists(s, &task_table, &yes)),
	};
	/* clang-format on */

	return all_forked(calls, T_COUNT(calls));
}

static int of_sessions(const struct family *f)
{
	hf_session *on_pool = hf_session_on_pool(f->p), *on_txn = hf_session_on_txn(f->txn);
	hf_scope *late = hf_scope_new(f->e, NULL);
	struct task row = { .subject = "roof" };
	/* clang-format off */
	const struct call calls[] = {
		SENT(hf_session_query(on_pool, "select 1")), SENT(hf_session_query(on_txn, "select 1")),
		SENT(hf_session_query(hf_writer(f->scope), "select 1")), SENT(hf_session_query(hf_writer(late), "select 1")),
		SENT(hf_session_query(hf_writer(hf_thread_scope(f->e)), "select 1")),
		SENT(hf_session_run(on_pool, HF_JOB(.fn = never))), SENT(hf_session_run(hf_writer(f->scope), HF_JOB(.fn = never))),
		CALL(hf_scope_commit(f->scope, NULL)), CALL(hf_scope_rollback(f->scope)),
		CALL(hf_scope_join(f->scope, HF_PARTICIPANT(.arg = &freed, .free_arg = count))), CALL(hf_scope_end(f->scope)),
		SENT(hf_insert_async(f->p, task, &row)), SENT(hf_select_async(f->p, task, HF_ALL)),
		CALL(hf_models_create(f->m, on_pool, 0)), CALL(hf_models_drop(f->m, on_txn, 0)),
	};
	/* clang-format on */
	int bad = all_forked(calls, T_COUNT(calls)) || freed != 12 || of_session(on_pool) ||
		  of_session(on_txn) || of_session(hf_writer(f->scope)) ||
		  of_session(hf_writer(late));

	hf_session_unref(on_pool);
	hf_session_unref(on_txn);
	hf_scope_unref(late);
	return bad;
}

/* What answers no status tells nothing of the parent's. */
static int of_views(const struct family *f)
{
	char *text = hf_pool_holders(f->p), *names = hf_engines_names(f->e);
	int bad = strcmp(text, "") != 0 || strcmp(names, "") != 0 || t_stats(f->p).conns != 0 ||
		  hf_pool_get_state(f->p) != HF_POOL_CLOSED ||
		  hf_txn_get_state(f->txn) != HF_TXN_ROLLED_BACK;

	free(text);
	free(names);
	return bad;
}

static int child_of(const struct family *f)
{
	if (of_pools(f))
		return 1;
	if (of_futures(f))
		return 2;
	if (of_transactions(f))
		return 3;
	if (of_listeners(f))
		return 4;
	if (of_engines(f))
		return 5;
	if (of_sessions(f))
		return 6;
	return of_views(f) ? 7 : 0;
}

/* With something open in each of them. */
static struct family raise_family(void)
{
	static const hf_table *const tables[] = { &task_table, &person_table, NULL };
	struct family f = { .p = t_pool(HF_POOL_OPTS(.max_conns = 8)), .box = hf_inbox_new() };
	hf_txn *t;

	free(t_psql("set client_min_messages to warning; drop table if exists kept;"
		    "create table kept (what text)"));
	f.e = hf_engines_new();
	ck_assert_int_eq(hf_engines_add(f.e, "writer", f.p, NULL, NULL), HF_OK);
	f.m = hf_models_new(NULL);
	ck_assert_int_eq(hf_models_add(f.m, tables, NULL, NULL), HF_OK);
	f.l = hf_listen(f.p, NULL);
	t_done(hf_listener_add(f.l, "c"));
	f.txn = hf_txn_begin(f.p, NULL);
	t_done(hf_txn_query(f.txn, "insert into kept values ('txn')"));
	t = hf_txn_begin(f.p, NULL);
	t_done(hf_txn_query(t, "insert into kept values ('parked')"));
	ck_assert_int_eq(hf_txn_park(&t, 0, &f.parked, NULL), HF_OK);
	f.scope = hf_scope_new(f.e, NULL);
	t_done(hf_session_query(hf_writer(f.scope), "insert into kept values ('scope')"));
	f.g = hf_global_new(NULL);
	t_done(hf_txn_query(hf_global_begin(f.g, f.p, NULL), "insert into kept values ('global')"));
	f.done = hf_query(f.p, "select 1");
	t_ok(f.done);
	f.pending = hf_script(f.p, "select pg_sleep(2)");
	t_wait_asleep();
	return f;
}

/* The parent goes on with all of it. */
static void use_family(struct family *f)
{
	const hf_notice *n;
	hf_txn *t;

	ck_assert_int_eq(hf_future_get(f->pending, NULL), HF_OK);
	ck_assert_int_eq(hf_future_get(f->done, NULL), HF_OK);
	t_done(hf_txn_commit(f->txn));
	ck_assert_int_eq(hf_txn_resume(f->p, f->parked.text, &t, NULL), HF_OK);
	t_done(hf_txn_commit(t));
	hf_txn_unref(t);
	ck_assert_int_eq(hf_scope_commit(f->scope, NULL), HF_OK);
	ck_assert_int_eq(hf_global_commit(f->g, NULL), HF_OK);
	ck_assert_int_eq(t_psql_int("select count(*) from kept"), 4);
	t_done(hf_notify(f->p, "c", "still there"));
	ck_assert_int_eq(hf_listener_next(f->l, 10000, &n), HF_OK);
	ck_assert_str_eq(n->payload, "still there");
	ck_assert_uint_eq(t_stats(f->p).discards, 0);
	ck_assert_uint_eq(t_stats(f->p).listen_losses, 0);
}

static void part_from(struct family *f)
{
	hf_future_unref(f->pending);
	hf_future_unref(f->done);
	hf_txn_unref(f->txn);
	hf_scope_unref(f->scope);
	hf_global_free(f->g);
	hf_listener_unref(f->l);
	hf_inbox_unref(f->box);
	hf_models_unref(f->m);
	hf_engines_unref(f->e);
	t_close(f->p);
}

START_TEST(test_every_call)
{
	struct family f = raise_family();
	int status;
	pid_t child;

	child = fork();
	if (child == 0)
		_exit(child_of(&f));
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%#x", (unsigned)status);
	use_family(&f);
	part_from(&f);
}
END_TEST

/* In the child of an interaction that has met an error before. */
static int of_conn(hf_conn *c)
{
	hf_session *s = hf_session_on_conn(c);
	/* clang-format off */
	const struct call calls[] = {
		CALL(hf_conn_query(c, NULL, "select 1")), CALL(hf_conn_each(c, no_row, NULL, "select 1")),
		CALL(hf_conn_script(c, NULL, "select 1; select 2")),
		CALL(hf_conn_begin(c)), CALL(hf_conn_commit(c)), CALL(hf_conn_rollback(c)),
		CALL(hf_conn_savepoint(c, "t")), CALL(hf_conn_rollback_to(c, "s")), CALL(hf_conn_release(c, "s")),
		CALL(hf_conn_run(c, NULL, never, NULL, NULL)), CALL(hf_conn_atomic(c, HF_NEST_SAVEPOINT, never, NULL, NULL)),
		CALL(hf_conn_on_commit(c, nothing, &freed, count)), CALL(hf_conn_notify(c, "c", "x")),
		CALL(hf_conn_copy_in(c, NULL, "kept", no_rows, NULL)), CALL(hf_conn_copy_out(c, NULL, "kept", no_row, NULL)),
		CALL(hf_error_status(hf_conn_error(c))),
		CALL(hf_fetch(hf_conn_pool(c), NULL, NULL, "select 1")), CALL(hf_pool_close(hf_conn_pool(c), 100)),
	};
	/* clang-format on */

	return all_forked(calls, T_COUNT(calls)) || freed != 1 || of_session(s) ||
	       hf_conn_backend_pid(c) != 0;
}

static hf_status fork_inside(hf_conn *c, void *status, hf_reply *reply)
{
	pid_t child;

	(void)reply;
	if (hf_conn_query(c, NULL, "insert into kept values ('conn')") != HF_OK ||
		hf_conn_savepoint(c, "s") != HF_OK ||
		hf_conn_query(c, NULL, "select 1 / 0") != HF_E_SQL ||
		hf_conn_rollback_to(c, "s") != HF_OK)
		return hf_fail(reply, "before the fork");
	child = fork();
	if (child == 0)
		_exit(of_conn(c));
	waitpid(child, status, 0);
	return hf_conn_query(c, NULL, "insert into kept values ('again')");
}

START_TEST(test_inside_an_interaction)
{
	hf_pool *p = t_pool(NULL);
	int status = -1;

	free(t_psql("set client_min_messages to warning; drop table if exists kept;"
		    "create table kept (what text)"));
	t_done(hf_run(p, fork_inside, &status, NULL));
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%#x", (unsigned)status);
	ck_assert_int_eq(t_psql_int("select count(*) from kept"), 2);
	ck_assert_uint_eq(t_stats(p).discards, 0);
	t_close(p);
}
END_TEST

T_MAIN("fork_calls",
	{ "B31 promise-H21 in a child every call answers HF_E_FORKED", test_every_call, 0 },
	{ "B31 promise-H21 in a child of an interaction, too", test_inside_an_interaction, 0 })
