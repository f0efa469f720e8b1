/* SPDX-License-Identifier: MIT */
/* Errors, SQLSTATEs and option structs. */
#include "check_main.h"

#include "base/mem.h"
#include "value/error.h"
#include "value/opts.h"

#include <string.h>

START_TEST(test_null_is_success)
{
	ck_assert_int_eq(hf_error_status(NULL), HF_OK);
	ck_assert_ptr_nonnull(hf_error_message(NULL));
	ck_assert_str_eq(hf_error_sqlstate(NULL), "");
	ck_assert_ptr_null(hf_error_field(NULL, HF_ERR_HINT));
	ck_assert_int_eq(hf_error_position(NULL), 0);
	ck_assert(!hf_error_is(NULL, ~0U));
	ck_assert_ptr_null(hf_error_ref(NULL));
	ck_assert_ptr_null(hf_error_unref(NULL));
}
END_TEST

START_TEST(test_error_keeps_copies)
{
	char message[] = "no\nsuch table";
	hf_error *e = hf__error_new(&(hf__error_spec){ .status = HF_E_SQL,
		.sqlstate = "42P01",
		.message = message,
		.field[HF_ERR_HINT] = "look again",
		.site = HF_HERE,
		.position = 7 });

	memset(message, 'x', sizeof message - 1);
	ck_assert_int_eq(hf_error_status(e), HF_E_SQL);
	ck_assert_str_eq(hf_error_message(e), "no such table");
	ck_assert_str_eq(hf_error_sqlstate(e), "42P01");
	ck_assert_str_eq(hf_error_field(e, HF_ERR_HINT), "look again");
	ck_assert_ptr_nonnull(strstr(hf_error_field(e, HF_ERR_SITE), "test_error.c:"));
	ck_assert_int_eq(hf_error_position(e), 7);
	hf_error_unref(hf_error_ref(e));
	hf_error_unref(e);
}
END_TEST

START_TEST(test_nomem)
{
	hf_error *e;

	hf__mem_fail(0, -1);
	e = hf__error_fmt(HF_E_BUSY, 0, "the queue is full");
	hf__mem_fail(0, 0);
	ck_assert_int_eq(hf_error_status(e), HF_E_NOMEM);
	ck_assert_str_eq(hf_error_message(e), "out of memory");
	ck_assert_ptr_null(hf_error_unref(e));
	ck_assert_ptr_null(hf_error_unref(e));
}
END_TEST

START_TEST(test_sqlstate)
{
	ck_assert_int_eq(hf__sqlstate_status("23505"), HF_E_SQL);
	ck_assert_int_eq(hf__sqlstate_status("57P01"), HF_E_CONN_LOST);
	ck_assert_uint_eq(hf__sqlstate_traits("23505"), HF_INTEGRITY);
	ck_assert_uint_eq(hf__sqlstate_traits("40001"), HF_RETRYABLE);
	ck_assert_uint_eq(hf__sqlstate_traits("40003"), HF_MAYBE_COMMITTED);
}
END_TEST

START_TEST(test_status_names)
{
	ck_assert_str_eq(hf_status_name(HF_OK), "HF_OK");
	ck_assert_str_eq(hf_status_name(HF_E_TOO_LARGE), "HF_E_TOO_LARGE");
	ck_assert_str_eq(hf_status_name(HF_E_PARK_LIMIT), "HF_E_PARK_LIMIT");
	ck_assert_str_eq(hf_status_name(HF_E_STALE), "HF_E_STALE");
	ck_assert_str_eq(hf_status_name((hf_status)99), "HF_?");
}
END_TEST

struct opts_v1 {
	size_t struct_size;
	int a;
};

struct opts_v2 {
	size_t struct_size;
	int a;
	int b;
	void *c;
};

START_TEST(test_opts_of_an_older_caller)
{
	struct opts_v1 old = { sizeof old, 5 };
	struct opts_v2 mine;

	memset(&mine, 0xff, sizeof mine);
	ck_assert_int_eq(hf__opts_copy(&mine, sizeof mine, &old, "OPTS", NULL), HF_OK);
	ck_assert_uint_eq(mine.struct_size, sizeof mine);
	ck_assert_int_eq(mine.a, 5);
	ck_assert_ptr_null(mine.c);
	ck_assert_int_eq(hf__opts_copy(&mine, sizeof mine, NULL, "OPTS", NULL), HF_OK);
	ck_assert_int_eq(mine.a, 0);
}
END_TEST

START_TEST(test_opts_of_a_newer_caller)
{
	struct opts_v2 newer = { sizeof newer, 5, 0, NULL };
	struct opts_v1 mine;
	hf_error *why = NULL;

	ck_assert_int_eq(hf__opts_copy(&mine, sizeof mine, &newer, "OPTS", &why), HF_OK);
	ck_assert_int_eq(mine.a, 5);
	newer.c = &mine;
	ck_assert_int_eq(hf__opts_copy(&mine, sizeof mine, &newer, "OPTS", &why), HF_E_MISUSE);
	ck_assert_ptr_nonnull(strstr(hf_error_message(why), "OPTS"));
	why = hf_error_unref(why);
	newer.struct_size = 0;
	ck_assert_int_eq(hf__opts_copy(&mine, sizeof mine, &newer, "OPTS", &why), HF_E_MISUSE);
	hf_error_unref(why);
}
END_TEST

T_MAIN("error", { "NULL is success", test_null_is_success, 0 },
	{ "an error keeps copies", test_error_keeps_copies, 0 },
	{ "without memory there is still an error", test_nomem, 0 },
	{ "a SQLSTATE gives status and traits", test_sqlstate, 0 },
	{ "every status has a name", test_status_names, 0 },
	{ "options of an older caller leave the rest zero", test_opts_of_an_older_caller, 0 },
	{ "options of a newer caller must be zero where unknown", test_opts_of_a_newer_caller, 0 })
