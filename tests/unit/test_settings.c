/* SPDX-License-Identifier: MIT */
/* Engines out of pairs of texts, and words that were meant. No server. */
#include "check_main.h"

#include "base/nearest.h"

#include <holdfast.h>

#include <stdlib.h>
#include <string.h>

static hf_engines *e;

static hf_status configure(const hf_setting *s, size_t n, hf_error **why)
{
	if (!e)
		e = hf_engines_new();
	return hf_engines_configure(e, "db_", s, n, why);
}
#define CONFIGURE(why, ...)                                                                        \
	configure((const hf_setting[]){ __VA_ARGS__ },                                             \
		sizeof((const hf_setting[]){ __VA_ARGS__ }) / sizeof(hf_setting), why)

static void end(void)
{
	ck_assert_int_eq(hf_engines_close(e, 0), HF_OK);
	e = hf_engines_unref(e);
}

static void names_are(const char *want)
{
	char *names = hf_engines_names(e);

	ck_assert_str_eq(names, want);
	free(names);
}

#define URL                                                                                        \
	{                                                                                          \
		"db_reader.url", "host=/nonexistent dbname=x pool_min=0 password=hunter2"          \
	}

START_TEST(test_by_prefix)
{
	hf_pool_stats s = { .struct_size = sizeof s };
	hf_error *why;
	hf_pool *p;
	hf_status st = CONFIGURE(&why, URL, { "db_reader.pool_size", "5" }, { "title", "a shop" },
		{ "db_writer.max_conns", "3" }, { "db_reader.mode", "snapshot" },
		{ "db_writer.dsn", "host=/nonexistent" }, { "db_writer.pool_min", "0" },
		{ "db_writer.two_phase", "Yes" }, { "db_writer.default", "on" },
		{ "db_reader.pool_timeout", "2" }, { "db_reader.max_result", "4096" });

	ck_assert_msg(st == HF_OK, "%s", hf_error_message(why));
	names_are("reader, writer");
	p = hf_engines_get(e, "reader", NULL);
	hf_pool_get_stats(p, &s);
	ck_assert_uint_eq(s.max_conns, 5);
	hf_pool_unref(p);
	p = hf_engines_get(e, NULL, NULL);
	hf_pool_get_stats(p, &s);
	ck_assert_uint_eq(s.max_conns, 3);
	ck_assert_uint_eq(s.min_conns, 0);
	hf_pool_unref(p);
	end();
}
END_TEST

/* Nothing is opened; the message has this in it, and never a password. */
static void refused(hf_status st, hf_error *why, const char *text)
{
	ck_assert_int_eq(st, HF_E_MISUSE);
	ck_assert_msg(strstr(hf_error_message(why), text) != NULL, "\"%s\" is not in \"%s\"", text,
		hf_error_message(why));
	ck_assert_ptr_null(strstr(hf_error_message(why), "hunter2"));
	hf_error_unref(why);
	names_are("");
}
#define REFUSED(text, ...)                                                                         \
	do {                                                                                       \
		hf_error *why_;                                                                    \
		hf_status st_ = CONFIGURE(&why_, __VA_ARGS__);                                     \
		refused(st_, why_, text);                                                          \
	} while (0)

START_TEST(test_refusals)
{
	REFUSED("\"db_reader.pool_sise\" is unknown: did you mean \"pool_size\"?", URL,
		{ "db_reader.pool_sise", "5" });
	REFUSED("\"db_reader.ulr\" is unknown: did you mean \"url\"?", URL,
		{ "db_reader.ulr", "x" });
	REFUSED("\"db_reader.colour\" is unknown", URL, { "db_reader.colour", "red" });
	REFUSED("\"db_reader.pool_size\" needs a whole number", URL,
		{ "db_reader.pool_size", "5x" });
	REFUSED("\"db_reader.pool_size\" needs", URL, { "db_reader.pool_size", "" });
	REFUSED("\"db_reader.max_conns\" needs a whole number from 1 to 10000", URL,
		{ "db_reader.max_conns", "0" });
	REFUSED("\"db_reader.pool_timeout\" needs", URL, { "db_reader.pool_timeout", "99999999" });
	REFUSED("\"db_reader.max_result\" needs", URL, { "db_reader.max_result", "-1" });
	REFUSED("needs true or false", URL, { "db_reader.strict", "maybe" });
	REFUSED("needs txn, autocommit", URL, { "db_reader.mode", "fast" });
	REFUSED("been told that already", URL, { "db_reader.pool_size", "5" },
		{ "db_reader.max_conns", "5" });
	REFUSED("been told that already", URL, { "db_reader.dsn", "" });
	REFUSED("\"db_writer.default\": engine \"reader\" is the default already", URL,
		{ "db_reader.default", "yes" }, { "db_writer.url", "host=/nonexistent" },
		{ "db_writer.default", "1" });
	REFUSED("\"db_writer.url\" is missing", URL, { "db_writer.pool_size", "5" });
	REFUSED("a dot and an option", URL, { "db_reader", "x" });
	REFUSED("needs a value", URL, { "db_reader.pool_size", NULL });
	REFUSED("\"!all\" is reserved", { "db_!all.url", "host=/nonexistent" });
	/* What only the pool knows: the second is refused, and the first is closed again. */
	REFUSED("engine \"writer\": connection option \"colour\"", URL,
		{ "db_writer.url", "colour=red password=hunter2" });
	end();
}
END_TEST

START_TEST(test_distance)
{
	const char *best = NULL;
	int d = 0;

	ck_assert_int_eq(hf__word_distance("", "abc"), 3);
	ck_assert_int_eq(hf__word_distance("abc", "abc"), 0);
	ck_assert_int_eq(hf__word_distance("abc", "acb"), 1);
	ck_assert_int_eq(hf__word_distance("kitten", "sitting"), 3);
	ck_assert_int_eq(
		hf__word_distance(
			"a", "0123456789012345678901234567890123456789012345678901234567890123"),
		99);
	hf__nearest("raeder", "writer", &best, &d);
	ck_assert_ptr_null(best);
	hf__nearest("raeder", "readers", &best, &d);
	ck_assert_str_eq(best, "readers");
	hf__nearest("raeder", "reader", &best, &d);
	ck_assert_str_eq(best, "reader");
	hf__nearest("raeder", "readers", &best, &d);
	ck_assert_str_eq(best, "reader");
}
END_TEST

T_MAIN("settings", { "F7 engines by prefix, with options of their pools", test_by_prefix, 0 },
	{ "F23 an option that is unknown or wrong is named, and nothing is opened", test_refusals,
		0 },
	{ "the nearest word", test_distance, 0 })
