/* SPDX-License-Identifier: MIT */
/* The ground floor: text, memory, time, arenas, log lines, the version. */
#include "check_main.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/strbuf.h"

#include <holdfast/version.h>

#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

START_TEST(test_version)
{
	char text[32];

	snprintf(text, sizeof text, "%d.%d.%d", HF_VERSION_MAJOR, HF_VERSION_MINOR,
		HF_VERSION_PATCH);
	ck_assert_str_eq(hf_version(), HF_VERSION);
	ck_assert_str_eq(hf_version(), text);
}
END_TEST

START_TEST(test_strbuf_grows)
{
	hf__strbuf b = HF__STRBUF_INIT;
	char *s;

	ck_assert_str_eq(hf__strbuf_text(&b), "");
	for (int i = 0; i < 1000; i++)
		hf__strbuf_printf(&b, "%d,", i % 10);
	hf__strbuf_puts(&b, "end");
	hf__strbuf_putc(&b, '.');
	ck_assert_uint_eq(b.n, 2004);
	ck_assert_uint_eq(strlen(hf__strbuf_text(&b)), 2004);
	s = hf__strbuf_take(&b);
	ck_assert_ptr_nonnull(s);
	ck_assert_str_eq(s + 2000, "end.");
	ck_assert_str_eq(hf__strbuf_text(&b), "");
	hf__free(s);
}
END_TEST

START_TEST(test_strbuf_empty_take)
{
	hf__strbuf b = HF__STRBUF_INIT;
	char *s = hf__strbuf_take(&b);

	ck_assert_ptr_nonnull(s);
	ck_assert_str_eq(s, "");
	hf__free(s);
}
END_TEST

START_TEST(test_strbuf_remembers_failure)
{
	hf__strbuf b = HF__STRBUF_INIT;

	hf__mem_fail(0, 1);
	hf__strbuf_puts(&b, "lost");
	hf__strbuf_puts(&b, "and what follows");
	ck_assert(b.failed);
	ck_assert_ptr_null(hf__strbuf_take(&b));
	ck_assert(!b.failed);
	hf__mem_fail(0, 0);
}
END_TEST

START_TEST(test_mem_fails_in_turn)
{
	void *p[4];

	hf__mem_fail(1, 2);
	for (int i = 0; i < 4; i++)
		p[i] = hf__alloc(8);
	ck_assert_int_eq(hf__mem_seen(), 4);
	ck_assert_ptr_nonnull(p[0]);
	ck_assert_ptr_null(p[1]);
	ck_assert_ptr_null(p[2]);
	ck_assert_ptr_nonnull(p[3]);
	hf__mem_fail(0, -1);
	ck_assert_ptr_null(hf__calloc(1));
	ck_assert_ptr_null(hf__strdup("x"));
	hf__mem_fail(0, 0);
	ck_assert_ptr_null(hf__strdup(NULL));
	for (int i = 0; i < 4; i++)
		hf__free(p[i]);
}
END_TEST

START_TEST(test_clock)
{
	int64_t now = hf__now();

	ck_assert(hf__now() >= now);
	ck_assert(hf__deadline(-1) == HF__NEVER);
	ck_assert(hf__after(now, 5) == now + 5 * HF__MS);
	ck_assert(hf__after(now, INT64_MAX) == HF__NEVER);
	ck_assert_int_eq(hf__ms_left(HF__NEVER, 70), 70);
	ck_assert_int_eq(hf__ms_left(now, 70), 0);
	ck_assert_int_eq(hf__ms_left(hf__deadline(60000), 70), 70);
	ck_assert_int_le(hf__ms_left(hf__deadline(50), INT_MAX), 50);
	ck_assert(hf__random(0) == 0);
	ck_assert(hf__random(3) < 3);
}
END_TEST

START_TEST(test_arena)
{
	hf__arena a = HF__ARENA_INIT;
	char *p, *q;

	p = hf__arena_alloc(&a, 100000);
	q = hf__arena_alloc(&a, 0);
	ck_assert_ptr_nonnull(p);
	ck_assert_ptr_nonnull(q);
	ck_assert_uint_eq((uintptr_t)p % sizeof(void *), 0);
	memset(p, 1, 100000);
	hf__arena_clear(&a);
	ck_assert_ptr_nonnull(hf__arena_alloc(&a, 10));
	hf__arena_finish(&a);
	hf__arena_finish(&a);
	hf__arena_clear(&a);
}
END_TEST

static void keep_line(int level, const char *line, void *target)
{
	(void)level;
	snprintf(target, 128, "%s", line);
}

START_TEST(test_log_one_line)
{
	char got[128] = "";
	hf__log log = { keep_line, got, "shop", HF__LOG_WARN };

	hf__logf(&log, HF__LOG_INFO, "not asked for");
	ck_assert_str_eq(got, "");
	hf__logf(&log, HF__LOG_ERROR, "one\ntwo\x1b[31m %d\n", 3);
	ck_assert_str_eq(got, "pool \"shop\": one two [31m 3");
}
END_TEST

T_MAIN("base", { "the version is the header's", test_version, 0 },
	{ "a strbuf grows", test_strbuf_grows, 0 },
	{ "an empty strbuf gives an empty text", test_strbuf_empty_take, 0 },
	{ "a strbuf remembers that memory failed", test_strbuf_remembers_failure, 0 },
	{ "the n-th allocation fails on request", test_mem_fails_in_turn, 0 },
	{ "deadlines saturate", test_clock, 0 }, { "an arena is freed at once", test_arena, 0 },
	{ "a log message is one line", test_log_one_line, 0 })
