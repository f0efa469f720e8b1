/* SPDX-License-Identifier: MIT */
/* What kind a statement is, and what it looks like with its arguments in place. */
#include "check_main.h"

#include "value/sql.h"

#include <string.h>

START_TEST(test_kinds)
{
	static const struct {
		const char *sql;
		hf__sql_kind kind;
	} cases[] = {
		{ "", HF__SQL_EMPTY },
		{ " \t\r\n\f", HF__SQL_EMPTY },
		{ ";; -- nothing\n ; /* /* nested */ */", HF__SQL_EMPTY },
		{ "/* never closed", HF__SQL_EMPTY },
		{ "-- BEGIN", HF__SQL_EMPTY },
		{ "(", HF__SQL_UTILITY },
		{ "select 1", HF__SQL_READ },
		{ "((select 1) union select 2)", HF__SQL_READ },
		{ "VaLuEs (1)", HF__SQL_READ },
		{ "table t", HF__SQL_READ },
		{ "show all", HF__SQL_READ },
		{ "select", HF__SQL_READ },
		{ "select* from t", HF__SQL_READ },
		{ "selected", HF__SQL_UTILITY },
		{ "select$1", HF__SQL_UTILITY },
		{ "\"select\" 1", HF__SQL_UTILITY },
		{ "'select'", HF__SQL_UTILITY },
		{ "insert into t values (1)", HF__SQL_PLAIN },
		{ "with x as (select 1) insert into t select * from x", HF__SQL_PLAIN },
		{ "MERGE into t", HF__SQL_PLAIN },
		{ "/**/beGIN", HF__SQL_TXN },
		{ ";begin", HF__SQL_TXN },
		{ "-- x\nBEGIN", HF__SQL_TXN },
		{ "-- x\rBEGIN", HF__SQL_TXN },
		{ "/* a /* b */ select */ start transaction", HF__SQL_TXN },
		{ "Begin;", HF__SQL_TXN },
		{ "begin/**/", HF__SQL_TXN },
		{ "commit prepared 'x'", HF__SQL_TXN },
		{ "END", HF__SQL_TXN },
		{ "abort", HF__SQL_TXN },
		{ "rollback to a", HF__SQL_TXN },
		{ "savepoint a", HF__SQL_TXN },
		{ "release a", HF__SQL_TXN },
		{ "prepare transaction 'x'", HF__SQL_TXN },
		{ "prepare /* x */ TRANSACTION 'x'", HF__SQL_TXN },
		{ "prepare a as select 1", HF__SQL_UTILITY },
		{ "prepare \"transaction\" as select 1", HF__SQL_UTILITY },
		{ "explain select 1", HF__SQL_UTILITY },
		{ "set x = 1", HF__SQL_UTILITY },
		{ "call p()", HF__SQL_UTILITY },
		{ "copy t from stdin", HF__SQL_COPY },
		{ "copy t (a, b) to stdout with csv", HF__SQL_COPY },
		{ "copy (select 1 from t) to STDOUT", HF__SQL_COPY },
		{ "copy (select a from t) to '/tmp/file'", HF__SQL_UTILITY },
		{ "copy t to '/file'", HF__SQL_UTILITY },
		{ "copy t from E'/file'", HF__SQL_UTILITY },
		{ "copy t from $$/file$$", HF__SQL_UTILITY },
		{ "copy t from program 'ls'", HF__SQL_UTILITY },
		{ "copy \"from '\" to stdout", HF__SQL_COPY },
		{ "copy t /* from 'x' */ from stdin", HF__SQL_COPY },
		{ "copy", HF__SQL_COPY },
		{ "\xc3\xa9", HF__SQL_UTILITY },
		{ "\xff\xfe select", HF__SQL_UTILITY },
	};

	for (size_t i = 0; i < T_COUNT(cases); i++)
		ck_assert_msg(hf__sql_classify(cases[i].sql) == cases[i].kind, "%s is %d",
			cases[i].sql, (int)hf__sql_classify(cases[i].sql));
}
END_TEST

static void renders(const char *sql, const hf_value *v, const char *expected)
{
	hf__strbuf b = HF__STRBUF_INIT;
	hf_error *e = NULL;
	hf_status st = hf__sql_render(&b, sql, v, v ? 1 : 0, &e);

	ck_assert_msg(st == HF_OK, "%s: %s", sql, hf_error_message(e));
	ck_assert_str_eq(hf__strbuf_text(&b), expected);
	hf__strbuf_finish(&b);
}

START_TEST(test_render)
{
	const hf_value five = HF_V(5), minus = HF_V(-5), x = HF_V("x'");

	renders("select name from users where id = $1;",
		&(const hf_value){ HF_T_INT8, { .i = 123 } },
		"select name from users where id = 123;");
	renders("like 'a%' and $1", NULL, "like 'a%' and $1");
	renders("$1,$1", &five, "5,5");
	renders("a -$1", &minus, "a -(-5)");
	renders("a - $1", &minus, "a - -5");
	renders("a -$1", &five, "a -5");
	renders("$1 ::int2", &minus, "(-5) ::int2");
	renders("$1::int2", &five, "5::int2");
	renders("a = $1", &minus, "a = -5");
	renders("select$1 $1e5", &five, "select$1 (5)e5");
	renders("U&$1", &x, "U&('x''')");
	renders("'$1' $1", &x, "'$1' 'x'''");
	renders("'it''s $1' $1", &x, "'it''s $1' 'x'''");
	renders("E'\\'$1' $1", &x, "E'\\'$1' 'x'''");
	renders("E'a' -- c\n '\\'$1' $1", &x, "E'a' -- c\n '\\'$1' 'x'''");
	renders("'\\' $1 ''", &x, "'\\' 'x''' ''");
	renders("U&'\\0041$1' $1", &x, "U&'\\0041$1' 'x'''");
	renders("$$ $1 ' $$ $1", &x, "$$ $1 ' $$ 'x'''");
	renders("$a$ $1 $$ $b$ $a$ $1", &x, "$a$ $1 $$ $b$ $a$ 'x'''");
	renders("a$b$ $1", &x, "a$b$ 'x'''");
	renders("\"$1 \"\" $1\" $1", &x, "\"$1 \"\" $1\" 'x'''");
	renders("/* $1 /* $1 */ $1 */ $1", &x, "/* $1 /* $1 */ $1 */ 'x'''");
	renders("-- $1\n$1", &x, "-- $1\n'x'''");
	renders("$1 -- $2", &x, "'x''' -- $2");
	renders("$1 'open $2", &x, "'x''' 'open $2");
}
END_TEST

static void refused(const char *sql, const hf_value *v, size_t n, const char *message)
{
	hf__strbuf b = HF__STRBUF_INIT;
	hf_error *e = NULL;

	ck_assert_int_eq(hf__sql_render(&b, sql, v, n, &e), HF_E_MISUSE);
	ck_assert_str_eq(hf_error_message(e), message);
	hf_error_unref(e);
	hf__strbuf_finish(&b);
}

START_TEST(test_render_refuses)
{
	const hf_value v[] = { HF_V(1), HF_V("\xff") };

	refused("$1 $2", v, 1, "$2 has no argument: there are 1");
	refused("$0", v, 1, "$0 has no argument: there are 1");
	refused("$1 $99999999999999999999", v, 1, "$99999999999 has no argument: there are 1");
	refused("select 1", v, 1, "argument 1 is not used: there is no $1");
	refused("$1 '$2'", v, 2, "argument 2 is not used: there is no $2");
	refused("$1 $2", v, 2, "$2: text is not valid UTF-8");
}
END_TEST

START_TEST(test_leaves)
{
	static const struct {
		const char *sql;
		bool outlasts, session;
	} cases[] = {
		{ "select 1", false, false },
		{ "select a_b, set_conf, config from advisory_", false, false },
		{ "select _advisory", false, false },
		{ "_", false, false },
		{ "et_config", false, false },
		{ "select set_config('a.b', 'x', true)", true, false },
		{ "select Set_Config ( 'a.b' , f(1, (2)) , /* false */ TRUE )", true, false },
		{ "select pg_catalog.\"set_config\"('a.b', 'x,y)', true), 1", true, false },
		{ "select set_config('a.b', 'x', is_local => true)", true, false },
		{ "select set_config(is_local := true, a => 1)", true, false },
		{ "select set_config('a.b', 'x', is_local >= true)", true, true },
		{ "select set_config from t", true, false },
		{ "(select set_config)", true, false },
		{ "select set_config('a.b', 'x', true", true, true },
		{ "select 1 -- set_config('a', 'b', false)", true, false },
		{ "select pg_advisory_xact_lock(1)", true, false },
		{ "select pg_advisory_unlock_all()", true, false },
		{ "select set_config('a.b', 'x', false)", true, true },
		{ "with x as (select SET_CONFIG('a.b', 'x', False)) table x", true, true },
		{ "select set_config('a.b', 'x', $1)", true, true },
		{ "select set_config('a.b', 'x', not true)", true, true },
		{ "select set_config('a.b', 'x', (true))", true, true },
		{ "select set_config('a.b', true, false)", true, true },
		{ "select set_config(is_local => false, a => true)", true, true },
		{ "select set_config('a', 'b', true), set_config('a', 'b', false)", true, true },
		{ "select set_config('a', set_config('a', 'b', false), true)", true, true },
		{ "select pg_advisory_lock(1)", true, true },
		{ "select pg_try_advisory_lock_shared(1)", true, true },
		{ "select query_to_xml('select set_config(1)')", true, true },
		{ "select set_config('a', 'b'", true, true },
		{ "select set_config(", true, true },
	};

	for (size_t i = 0; i < T_COUNT(cases); i++) {
		ck_assert_msg(
			hf__sql_outlasts(cases[i].sql, strlen(cases[i].sql)) == cases[i].outlasts,
			"%s", cases[i].sql);
		ck_assert_msg(hf__sql_changes_session(cases[i].sql) == cases[i].session, "%s",
			cases[i].sql);
	}
}
END_TEST

/* In one piece of memory, as a program's buffer is: what was there before is not told again. */
START_TEST(test_remembered)
{
	static const char *const texts[] = { "select 1", "select 2", "insert into t values (1)", "",
		"delete from a_name_as_long_as_the_last", "commit", "select 1" };
	char text[1000];
	size_t n;

	for (int round = 0; round < 3; round++)
		for (size_t i = 0; i < T_COUNT(texts); i++) {
			hf__sql_look is;

			n = strlen(strcpy(text, texts[i]));
			is = hf__sql_look_at(text, n);
			ck_assert(is.utf8);
			ck_assert_int_eq(is.kind, hf__sql_classify(text));
			ck_assert_uint_eq(is.hash, hf__sql_hash(text, n));
			text[n] = '\xff';
			text[n + 1] = '\0';
			ck_assert(!hf__sql_look_at(text, n + 1).utf8);
		}
	memset(text, ' ', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	memcpy(text, "select", 6);
	n = strlen(text);
	ck_assert_int_eq(hf__sql_look_at(text, n).kind, HF__SQL_READ);
	memcpy(text, "commit", 6);
	ck_assert_int_eq(hf__sql_look_at(text, n).kind, HF__SQL_TXN);
}
END_TEST

T_MAIN("sql", { "kinds of statements", test_kinds, 0 }, { "arguments in place", test_render, 0 },
	{ "what cannot be rendered", test_render_refuses, 0 },
	{ "what a text leaves behind", test_leaves, 0 },
	{ "what is remembered of a text", test_remembered, 0 })
