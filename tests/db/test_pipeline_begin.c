/* SPDX-License-Identifier: MIT */
/* Transaction control, in whatever disguise, among queued plain queries: it is refused or runs
 * apart, and never holds a neighbour's write in a transaction that nobody commits (rule-52). */
#include "pipeline.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Surely transaction control: refused where it is submitted. */
static const char *const control[] = { "begin", "BEGIN", "beGIN", "begin work", "begin transaction",
	"begin;", "begin read only", "begin isolation level serializable", "start transaction",
	"START TRANSACTION READ WRITE", "start/**/transaction", "/**/begin", "/**/beGIN",
	"/* a */ /* b */ begin", "/* /* nested */ */ begin", "(begin)", "((begin))",
	"( /* x */ begin", "( /* nested /* */ */ begin", "/* -- */ begin", "-- x\nbegin",
	"-- x\r\nbegin", "-- /*\nbegin", "--\nbegin -- */", "\tbegin", "\n\n begin", "\f\vbegin",
	"\rbegin", ";begin", ";;begin", "; /* x */ ; begin", "commit", "COMMIT WORK",
	"commit and chain", "end", "end transaction", "END AND CHAIN", "rollback",
	"rollback and chain", "rollback to savepoint a", "rollback to a", "abort", "/**/abort",
	"savepoint a", "release a", "release savepoint a", "prepare transaction 'x'",
	"prepare/* */transaction 'x'", "commit prepared 'x'", "rollback prepared 'x'",
	"commit/**/prepared 'x'", "/*/**/*/rollback" };

/* May do what they like, as long as nobody else notices. */
static const char *const others[] = { "set transaction read only",
	"set transaction isolation level serializable",
	"set session characteristics as transaction isolation level read committed", "begin_ledger",
	"do $$ begin end $$", "do $$ begin commit; end $$", "do $$ begin rollback; end $$",
	"call commits()", "/* begin */ call commits()", "call begins()", "execute nothing",
	"prepare p as select 1", "explain analyze select 1", "explain begin", "select 1; begin",
	"select 1 -- \n; begin", "begin; select 1; commit", "declare c cursor for select 1",
	"with begin as (select 1) select * from begin", "select begin()", "lock table ledger",
	"lock table ledger in access exclusive mode", "select * from ledger for update",
	"with w as (select 1) call commits()", "create temp table t_begin (id int) on commit drop",
	"set local work_mem to '1MB'", "set constraints all immediate",
	"select pg_export_snapshot()", "listen x", "notify x", "checkpoint",
	"\xef\xbb\xbf"
	"begin",
	"\xc2\xa0"
	"begin",
	"", ";", "/* only", "'begin", "\"begin\"", "$$begin$$", "E'\\'begin" };

/* More of the same, by what hides it. */
#define BOM  "\xef\xbb\xbf"
#define NBSP "\xc2\xa0"

static const char *const more[] = { BOM "commit", BOM "rollback", BOM "savepoint a",
	BOM "start transaction", BOM "prepare transaction 'x'", BOM "/**/begin", " " BOM "begin",
	"beg" BOM "in", NBSP "commit", NBSP "rollback", NBSP "end", NBSP "abort",
	NBSP "savepoint a", NBSP "release a", "begin" NBSP "work", "begin" NBSP, "begin;" NBSP,
	"\xe2\x80\x83"
	"begin",
	"\xe2\x80\x8b"
	"begin",
	"\xe3\x80\x80"
	"commit",
	"\xc2\x85"
	"begin",
	"\xa0"
	"begin",
	"begin\xff",
	/* strings */
	"select E'\\'; begin; --'", "select E'\\\\'; begin", "select E'\\\\\\'; begin; --'",
	"select e'\\'' ; commit", "select 'a\\'; begin; --'", "select E'a''; begin'",
	"select n'begin'", "select b'1'; commit", "select x'1f'; rollback", "select '' 'begin'",
	"select 'a'\n'; begin'", "select U&'\\0062egin'",
	"select U&\"\\0062\" from (select 1 as b) s", "U&\"\\0062egin\"",
	"select U&'b!0065gin' uescape '!'", "select U&'\\0027'; begin",
	"select u&\"begin\" from (select 1 as begin) s",
	/* dollars */
	"select $x$; begin; $x$", "select $x$ $y$; begin; $y$ $x$", "$x$begin$x$",
	"select $begin$ commit $begin$", "select $1; begin", "select $a1$ ' $a1$; begin",
	"select 1 as a$x$; begin; --$x$", "do $begin$ begin perform 1; end $begin$",
	"do language plpgsql $x$ begin commit; end $x$",
	"do $x$ begin begin commit; exception when others then null; end; end $x$",
	"do $$ begin call commits(); end $$",
	/* comments */
	"/*/**/begin*/ select 1", "/* /* */ begin */ select 1", "/*/*/**/*/*/begin",
	"/* */*/ begin", "/*--*/begin", "--/*\nselect 1 -- */", "/* ' */ begin",
	"/* $$ */ begin /* $$ */", "select 1 /* ; */ ; /* */ begin", "/**//**//**/commit",
	"/*\n*/\nrollback", "-- \\\nbegin", "--begin", "--begin\r select 1", "begin/*", "begin--",
	/* statements that others hide in */
	"merge into scratch s using (values (1)) x(id) on s.id = x.id when matched then delete",
	"merge into scratch s using (values (7)) x(id) on s.id = x.id "
	"when not matched then insert values (x.id)",
	"/* begin */ merge into scratch s using (values (7)) x(id) on s.id = x.id "
	"when matched then do nothing",
	"with b as (select 5 as id) merge into scratch s using b on s.id = b.id "
	"when not matched then insert values (b.id)",
	"merge begin", "call commits(); begin", "/**/call/**/commits()", "(call commits())",
	"call no_such_procedure()", "CALL begins() -- commit", "call public.commits()",
	"with x as (select 1) call begins()", "with recursive x as (select 1) call commits()",
	"with x as (call commits()) select 1", "with x as materialized (select 1) commit",
	"with commit as (select 1 as n) select n from commit", "with x as (begin) select 1",
	"with x (begin) as (select 1) select begin from x",
	"with x as (insert into scratch values (1) returning id) call commits()",
	"prepare begin as select 1", "prepare q as begin", "execute begin", "deallocate begin",
	"declare begin cursor with hold for select 1", "explain (analyze) execute begin",
	/* in front, and behind */
	"values (1); begin", "table scratch; commit", "show work_mem; begin", "SELECT(1);BEGIN",
	"insert into scratch values (1); rollback", "update scratch set id = 2; end",
	"delete from scratch; abort", "truncate scratch; begin", "analyze scratch; begin",
	"with x as (delete from scratch returning id) select id from x; commit",
	"select 1 -- begin", "select /* begin */ 1", "values ('begin')", "select commits()",
	"start", "beginwork", "end_ledger", "commit_", "abort1", "fetch all from begin",
	"close begin", "reset work_mem; begin" };

#define N_CONTROL T_COUNT(control)
#define N_FEW     (N_CONTROL + T_COUNT(others))
#define N_ALL     (N_FEW + T_COUNT(more))

_Static_assert(N_ALL >= 200, "rule-52");

static void prepare(void)
{
	t_ledger_new();
	free(t_psql("set client_min_messages to warning; drop table if exists scratch;"
		    "create table scratch (id int);"
		    "create or replace procedure commits() language plpgsql as"
		    " $$ begin commit; end $$;"
		    "create or replace procedure begins() language plpgsql as"
		    " $$ begin null; commit and chain; end $$"));
}

/* Refused at once, whatever the queue looks like; or it ends, well or badly, in an answer of the
 * server. */
static void check_disguised(hf_future *f, const char *sql, bool refused)
{
	hf_status st = hf_future_get_for(f, 10000 * t_slow(), NULL);

	if (refused ? st != HF_E_MISUSE : st != HF_OK && st != HF_E_SQL && st != HF_E_MISUSE)
		ck_abort_msg("\"%s\" ends in %s: %s", sql, hf_status_name(st),
			hf_error_message(hf_future_error(f)));
	hf_future_unref(f);
}

static const char *text_of(size_t i)
{
	if (i < N_CONTROL)
		return control[i];
	return i < N_FEW ? others[i - N_CONTROL] : more[i - N_FEW];
}

static hf_future *neighbour(hf_pool *p, int id)
{
	return hf_query(p, "insert into ledger values ($1) returning id", id);
}

/* What was reported as written is there, for another session. */
static void check_ledger(const char *sql, int n)
{
	int seen[N_ALL];

	t_ledger_read(seen, n);
	for (int i = 0; i < n; i++)
		if (seen[i] != 1)
			ck_abort_msg("beside \"%s\" row %d is there %d times", sql, i, seen[i]);
}

static void one_at_a_time(int depth)
{
	hf_pool *p;

	prepare();
	p = t_pipe_pool(depth);
	for (size_t k = 0; k < N_ALL; k++) {
		struct t_dam dam;
		hf_future *f[6], *it = NULL;

		t_dam_shut(&dam, p);
		for (int i = 0; i < 6; i++) {
			if (i == 3)
				it = hf_query_at(HF_HERE, p, text_of(k), NULL, 0);
			f[i] = neighbour(p, i);
		}
		t_dam_open(&dam);
		check_disguised(it, text_of(k), k < N_CONTROL);
		for (int i = 0; i < 6; i++)
			ck_assert_int_eq(t_int(f[i]), i);
		check_ledger(text_of(k), 6);
		t_done(hf_query(p, "truncate ledger"));
	}
	t_expect_together(p, depth, 5 * N_ALL);
	t_expect_sane(p);
	ck_assert_uint_eq(t_stats(p).connects, 1);
	t_close(p);
}

T_BOTH_WAYS(one_at_a_time)

/* All of them, a neighbour between each two. */
static void all_at_once(int depth)
{
	enum { N = N_ALL };
	hf_pool *p;
	hf_future *f[N], *it[N];
	struct t_dam dam;

	prepare();
	p = t_pipe_pool(depth);
	for (int again = 0; again < 3; again++) {
		t_dam_shut(&dam, p);
		for (size_t i = 0; i < N; i++) {
			size_t k = (i + (size_t)again * 13) % N;

			it[k] = hf_query_at(HF_HERE, p, text_of(k), NULL, 0);
			f[i] = neighbour(p, (int)i);
		}
		t_dam_open(&dam);
		for (size_t i = 0; i < N; i++) {
			check_disguised(it[i], text_of(i), i < N_CONTROL);
			ck_assert_int_eq(t_int(f[i]), (int)i);
		}
		check_ledger("all of them", N);
		t_done(hf_query(p, "truncate ledger"));
	}
	t_expect_together(p, depth, N_CONTROL);
	t_expect_sane(p);
	t_close(p);
}

T_BOTH_WAYS(all_at_once)

/* --- what only looks strange ---------------------------------------------------------------------
 */

static const struct {
	const char *sql, *first;
} harmless[] = {
	{ "/* x */ select 1", "1" },
	{ "-- begin\nselect 2", "2" },
	{ "/* /* begin */ commit */ select 3", "3" },
	{ "(select 4)", "4" },
	{ "((select 5) union all (select 5)) limit 1", "5" },
	{ "( /* x */ select 6)", "6" },
	{ "values (7), (8)", "7" },
	{ "(values (8))", "8" },
	{ "table single", "9" },
	{ "/**/table single", "9" },
	{ "show transaction_isolation", "read committed" },
	{ "SHOW transaction_read_only", "off" },
	{ "with x as (select 10 as n) select n from x", "10" },
	{ "with x as (insert into ledger values (11) returning id) select id from x", "11" },
	{ "/* x */ with x as (insert into ledger values (12) returning id) select id from x",
		"12" },
	{ "with begin as (select 13) select * from begin", "13" },
	{ "/* begin */ insert into ledger values (14) returning id", "14" },
	{ "-- commit\nupdate ledger set id = 15 where id = 14 returning id", "15" },
	{ "delete from ledger where id = 15 returning id", "15" },
	{ ";select 16", "16" },
	{ "select 17;", "17" },
	{ "select 'begin'", "begin" },
	{ "select $$; begin; $$", "; begin; " },
	{ "select \"begin\".b from (select 20 as b) as \"begin\"", "20" },
	{ "select 1 as x /* ; begin", NULL },
};

/* Each of them between two writes, all in one queue; the second time in reverse but for those that
 * change the ledger. */
static void harmless_disguises(int depth)
{
	hf_future *f[T_COUNT(harmless)], *g[T_COUNT(harmless)];
	hf_pool *p;
	struct t_dam dam;

	prepare();
	free(t_psql("set client_min_messages to warning; drop table if exists single;"
		    "create table single (n int); insert into single values (9)"));
	p = t_pipe_pool(depth);
	t_dam_shut(&dam, p);
	for (size_t i = 0; i < T_COUNT(harmless); i++) {
		f[i] = hf_query_at(HF_HERE, p, harmless[i].sql, NULL, 0);
		g[i] = hf_query(p, "insert into single values ($1) returning n", 100 + (int)i);
	}
	t_dam_open(&dam);
	for (size_t i = 0; i < T_COUNT(harmless); i++) {
		ck_assert_int_eq(t_int(g[i]), 100 + (int)i);
		if (!harmless[i].first) {
			t_sqlstate(f[i], "42601");
			continue;
		}
		ck_assert_str_eq(hf_row_text(hf_result_row(t_ok(f[i]), 0), 0), harmless[i].first);
		hf_future_unref(f[i]);
	}
	ck_assert_int_eq(t_psql_int("select count(*) from single"), 1 + (int)T_COUNT(harmless));
	ck_assert_int_eq(t_psql_int("select sum(id) from ledger"), 11 + 12);
	t_expect_together(p, depth, T_COUNT(harmless));
	t_expect_sane(p);
	t_close(p);
}

T_BOTH_WAYS(harmless_disguises)

T_MAIN("pipeline_begin",
	{ "transaction control in disguise beside writes (promise-H7, rule-52)",
		one_at_a_time_together, 60 },
	{ "transaction control in disguise, one by one", one_at_a_time_alone, 60 },
	{ "every disguise in one queue", all_at_once_together, 60 },
	{ "every disguise in one queue, one by one", all_at_once_alone, 60 },
	{ "statements that only look strange", harmless_disguises_together, 0 },
	{ "statements that only look strange, one by one", harmless_disguises_alone, 0 })
