/* SPDX-License-Identifier: MIT */
/* The registry of engines, without a server: names, roles, defaults, what is refused and how that
 * is told. Pools open without one and make no connection before the first statement. */
#include "check_main.h"

#include "base/mem.h"

#include <holdfast.h>

#include <stdlib.h>
#include <string.h>

#define NOWHERE "host=/nonexistent dbname=x"

static const hf_pool_opts lazy = {
	.struct_size = sizeof lazy, .min_conns = HF_NONE, .acquire_ms = 300
};
#define LAZY(...) HF_ENGINE_OPTS(.pool = &lazy, __VA_ARGS__)

static hf_error *why;

/* The message of the last refusal has this in it; it is freed. */
static void says(hf_status got, hf_status st, const char *text)
{
	ck_assert_msg(got == st, "%s instead of %s: %s", hf_status_name(got), hf_status_name(st),
		hf_error_message(why));
	ck_assert_msg(strstr(hf_error_message(why), text) != NULL, "\"%s\" is not in \"%s\"", text,
		hf_error_message(why));
	why = hf_error_unref(why);
}

static void goes_well(hf_status st)
{
	ck_assert_msg(st == HF_OK, "%s: %s", hf_status_name(st), hf_error_message(why));
	ck_assert_ptr_null(why);
}

static hf_engines *registry(void)
{
	hf_engines *e = hf_engines_new();

	ck_assert_ptr_nonnull(e);
	return e;
}

static void open_lazy(hf_engines *e, const char *name)
{
	goes_well(hf_engines_open(e, name, NOWHERE, LAZY(.mode = HF_MODE_BY_NAME), &why));
}

static void close_all(hf_engines *e)
{
	ck_assert_int_eq(hf_engines_close(e, 0), HF_OK);
	ck_assert_int_eq(hf_engines_close(e, 0), HF_OK);
	ck_assert_ptr_null(hf_engines_unref(e));
}

static void names_are(hf_engines *e, const char *want)
{
	char *names = hf_engines_names(e);

	ck_assert_str_eq(names, want);
	free(names);
}

/* Whether a name means the pool that another one means. */
static bool same_pool(hf_engines *e, const char *a, const char *b)
{
	hf_pool *p = hf_engines_get(e, a, &why), *q;

	goes_well(p ? HF_OK : HF_E_MISUSE);
	q = hf_engines_get(e, b, &why);
	goes_well(q ? HF_OK : HF_E_MISUSE);
	hf_pool_unref(p);
	hf_pool_unref(q);
	return p == q;
}

START_TEST(test_registries_are_strangers)
{
	hf_engines *one = registry(), *two = registry();

	open_lazy(one, "shop");
	open_lazy(two, "shop");
	open_lazy(two, "bank");
	says(hf_engines_open(two, "third", "colour=red", NULL, &why), HF_E_MISUSE, "\"colour\"");
	names_are(one, "shop");
	names_are(two, "shop, bank");
	close_all(two);
	open_lazy(one, "bank");
	names_are(one, "shop, bank");
	close_all(one);
}
END_TEST

START_TEST(test_duplicate)
{
	hf_engines *e = registry();
	hf_pool *first, *second;

	open_lazy(e, "shop");
	open_lazy(e, "bank");
	first = hf_engines_get(e, "shop", NULL);
	says(hf_engines_open(e, "shop", NOWHERE, NULL, &why), HF_E_MISUSE,
		"there is an engine \"shop\" already");
	ck_assert_int_eq(hf_pool_get_state(first), HF_POOL_OPEN);
	goes_well(hf_engines_open(e, "shop", NOWHERE, LAZY(.replace = true), &why));
	second = hf_engines_get(e, "shop", NULL);
	ck_assert_ptr_ne(first, second);
	ck_assert_int_eq(hf_pool_get_state(first), HF_POOL_CLOSED);
	ck_assert_int_eq(hf_pool_get_state(second), HF_POOL_OPEN);
	names_are(e, "shop, bank");
	hf_pool_unref(first);
	hf_pool_unref(second);
	close_all(e);
}
END_TEST

START_TEST(test_reserved)
{
	static const char *const bad[] = { "", "a b", "a.b", "caf\xc3\xa9",
		"0123456789012345678901234567890123456789012345678901234567890123" };
	hf_engines *e = registry();

	says(hf_engines_open(e, "!all", NOWHERE, NULL, &why), HF_E_MISUSE, "\"!all\" is reserved");
	says(hf_engines_open(e, "!default", NOWHERE, NULL, &why), HF_E_MISUSE,
		"\"!default\" is reserved");
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		says(hf_engines_open(e, bad[i], NOWHERE, NULL, &why), HF_E_MISUSE,
			"a name is 1 to 63 letters");
	says(hf_engines_open(e, NULL, NOWHERE, NULL, &why), HF_E_MISUSE, "a name is");
	names_are(e, "");
	close_all(e);
}
END_TEST

/* † pulsar-odm: test_no_binds: without a default there is an error that says so. */
START_TEST(test_default)
{
	hf_engines *e = registry();

	ck_assert_ptr_null(hf_engines_get(e, NULL, &why));
	says(HF_E_MISUSE, HF_E_MISUSE, "there is no default engine");
	open_lazy(e, "shop");
	ck_assert_ptr_null(hf_engines_get(e, "!default", &why));
	says(HF_E_MISUSE, HF_E_MISUSE, "open one with .is_default (there are shop)");
	goes_well(hf_engines_open(e, "bank", NOWHERE, LAZY(.is_default = true), &why));
	ck_assert(same_pool(e, NULL, "bank"));
	ck_assert(same_pool(e, "writer", "bank"));
	goes_well(hf_engines_assign(e, NULL, "shop", &why));
	ck_assert(same_pool(e, NULL, "shop"));
	goes_well(hf_engines_assign(e, "!default", "bank", &why));
	ck_assert(same_pool(e, "!default", "bank"));
	says(hf_engines_assign(e, NULL, "nope", &why), HF_E_MISUSE, "there are shop, bank");
	ck_assert(same_pool(e, NULL, "bank"));
	goes_well(hf_engines_assign(e, NULL, NULL, &why));
	ck_assert_ptr_null(hf_engines_get(e, NULL, &why));
	says(HF_E_MISUSE, HF_E_MISUSE, "there is no default engine");
	goes_well(hf_engines_assign(e, NULL, "bank", &why));
	goes_well(hf_engines_remove(e, "bank", 0, &why));
	ck_assert_ptr_null(hf_engines_get(e, NULL, &why));
	says(HF_E_MISUSE, HF_E_MISUSE, "there is no default engine");
	close_all(e);
}
END_TEST

START_TEST(test_unknown)
{
	hf_engines *e = registry();

	says(hf_engines_reopen(e, "nope", &why), HF_E_MISUSE,
		"no engine is called \"nope\": there is none");
	open_lazy(e, "shop");
	open_lazy(e, "audit");
	says(hf_engines_reopen(e, "nope", &why), HF_E_MISUSE, "there are shop, audit");
	/* a connection string in place of a name */
	says(hf_engines_reopen(e, "postgresql://u:secret@h/d", &why), HF_E_MISUSE,
		"no engine is called \"(not shown: it is no name)\"");
	says(hf_engines_open(e, "host=h password=secret", "shop", NULL, &why), HF_E_MISUSE,
		"engine name \"(not shown: it is no name)\": a name is 1 to 63");
	ck_assert_ptr_null(hf_engines_get(e, "adit", &why));
	says(HF_E_MISUSE, HF_E_MISUSE, "did you mean \"audit\"?");
	says(hf_engines_remove(e, "shops", 0, &why), HF_E_MISUSE, "did you mean \"shop\"?");
	close_all(e);
}
END_TEST

START_TEST(test_roles)
{
	hf_engines *e = registry();

	goes_well(hf_engines_open(e, "main", NOWHERE, LAZY(.is_default = true), &why));
	ck_assert(same_pool(e, "reader", "main"));
	goes_well(hf_engines_open(e, "replica", NOWHERE, LAZY(.mode = HF_MODE_READ), &why));
	goes_well(hf_engines_assign(e, "reader", "replica", &why));
	ck_assert(same_pool(e, "reader", "replica"));
	ck_assert(same_pool(e, "writer", "main"));
	says(hf_engines_assign(e, "writer", "replica", &why), HF_E_MISUSE,
		"engine \"replica\" is read only: it cannot be the writer");
	says(hf_engines_assign(e, "logger", "nope", &why), HF_E_MISUSE, "there are main, replica");
	says(hf_engines_assign(e, "!all", "main", &why), HF_E_MISUSE, "reserved");
	goes_well(hf_engines_assign(e, "report", "replica", &why));
	ck_assert(same_pool(e, "report", "replica"));
	goes_well(hf_engines_assign(e, "reader", NULL, &why));
	ck_assert(same_pool(e, "reader", "main"));
	goes_well(hf_engines_remove(e, "replica", 0, &why));
	ck_assert_ptr_null(hf_engines_get(e, "report", &why));
	says(HF_E_MISUSE, HF_E_MISUSE, "no engine is called \"report\"");
	close_all(e);
}
END_TEST

/* † pyramid_sqlassist: test_zope_requires_scope__fail and __pass, test_zope_sessionmaker_params
 * __fail and __pass, test_no_zope_is_scoped__pass, test_no_zope_not_scoped__pass: options that need
 * each other, and the texts that say so. */
START_TEST(test_zope_requires_scope__fail)
{
	const hf_pool_opts two = {
		.struct_size = sizeof two, .two_phase = true, .min_conns = HF_NONE
	};
	const hf_pool_opts ro = {
		.struct_size = sizeof ro, .read_only = true, .min_conns = HF_NONE
	};
	hf_engines *e = registry();

	says(hf_engines_open(e, "logger", NOWHERE, HF_ENGINE_OPTS(.pool = &two), &why), HF_E_MISUSE,
		"two_phase needs transactions (HF_MODE_TXN), and its mode is autocommit");
	says(hf_engines_open(e, "writer", NOWHERE, HF_ENGINE_OPTS(.pool = &ro), &why), HF_E_MISUSE,
		"its pool is read only, its mode (txn) is not");
	says(hf_engines_open(e, "writer", NOWHERE " pool_read_only=1", NULL, &why), HF_E_MISUSE,
		"its pool is read only");
	says(hf_engines_open(e, "writer", NOWHERE, LAZY(.mode = HF_MODE_READ), &why), HF_E_MISUSE,
		"engine \"writer\" is read only: it cannot be the writer");
	says(hf_engines_open(e, "logger", NOWHERE, LAZY(.mode = HF_MODE_SNAPSHOT), &why),
		HF_E_MISUSE, "engine \"logger\" is read only: it cannot be the logger");
	says(hf_engines_open(e, "x", NOWHERE, HF_ENGINE_OPTS(.mode = (hf_mode)9), &why),
		HF_E_MISUSE, "mode 9 is unknown");
	says(hf_engines_open(e, "x", NULL, NULL, &why), HF_E_MISUSE, "connection string is NULL");
	goes_well(hf_engines_open(e, "writer", NOWHERE, HF_ENGINE_OPTS(.pool = &two), &why));
	goes_well(hf_engines_open(
		e, "view", NOWHERE, HF_ENGINE_OPTS(.mode = HF_MODE_SNAPSHOT, .pool = &two), &why));
	goes_well(hf_engines_open(e, "report", NOWHERE, HF_ENGINE_OPTS(.pool = &ro), &why));
	goes_well(hf_engines_open(e, "logger", NOWHERE, LAZY(.mode = HF_MODE_TXN), &why));
	goes_well(hf_engines_open(e, "plain", NOWHERE, LAZY(.mode = HF_MODE_BY_NAME), &why));
	close_all(e);
}
END_TEST

START_TEST(test_copy)
{
	hf_engines *e = registry(), *copy;
	hf_pool *p;

	goes_well(hf_engines_open(e, "main", NOWHERE, LAZY(.is_default = true), &why));
	open_lazy(e, "audit");
	goes_well(hf_engines_assign(e, "trail", "audit", &why));
	copy = hf_engines_copy(e, &why);
	goes_well(copy ? HF_OK : HF_E_NOMEM);
	names_are(copy, "main, audit");
	ck_assert(same_pool(copy, "trail", "audit"));
	p = hf_engines_get(e, "audit", NULL);
	goes_well(hf_engines_open(copy, "audit", NOWHERE, LAZY(.replace = true), &why));
	ck_assert_int_eq(hf_pool_get_state(p), HF_POOL_OPEN);
	ck_assert(!same_pool(copy, "main", "audit"));
	close_all(copy);
	ck_assert_int_eq(hf_pool_get_state(p), HF_POOL_OPEN);
	hf_pool_unref(p);
	names_are(e, "main, audit");
	close_all(e);
}
END_TEST

START_TEST(test_copy_at)
{
	static const char *const bad[] = { NULL, "",
		"a234567890123456789012345678901234567890123456789012345678901234", "\xff" };
	hf_engines *e = registry(), *copy;
	hf_pool *p;

	goes_well(hf_engines_open(e, "main", NOWHERE, LAZY(.is_default = true), &why));
	open_lazy(e, "reader");
	goes_well(hf_engines_assign(e, "trail", "main", &why));
	copy = hf_engines_copy_at(e, "other", &why);
	goes_well(copy ? HF_OK : HF_E_NOMEM);
	names_are(copy, "main, reader");
	ck_assert(same_pool(copy, "trail", "main"));
	ck_assert(same_pool(copy, NULL, "main"));
	p = hf_engines_get(e, "main", NULL);
	close_all(copy);
	ck_assert_int_eq(hf_pool_get_state(p), HF_POOL_OPEN);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		ck_assert_ptr_null(hf_engines_copy_at(e, bad[i], &why));
		says(hf_error_status(why), HF_E_MISUSE, "the name of the database");
	}
	ck_assert_ptr_null(hf_engines_copy_at(NULL, "other", &why));
	says(hf_error_status(why), HF_E_MISUSE, "NULL");
	goes_well(hf_engines_add(e, "mine", p, NULL, &why));
	ck_assert_ptr_null(hf_engines_copy_at(e, "other", &why));
	says(hf_error_status(why), HF_E_MISUSE, "\"mine\" cannot be opened at another database");
	hf_pool_unref(p);
	close_all(e);
}
END_TEST

START_TEST(test_shared_pool)
{
	hf_engines *e = registry();
	hf_pool *p;

	goes_well(hf_pool_open(NOWHERE, &lazy, &p, &why));
	goes_well(hf_engines_add(e, "reader", p, NULL, &why));
	goes_well(hf_engines_add(e, "writer", p, NULL, &why));
	says(hf_engines_add(e, "x", NULL, NULL, &why), HF_E_MISUSE, "the pool is NULL");
	says(hf_engines_add(e, "x", p, LAZY(.mode = HF_MODE_TXN), &why), HF_E_MISUSE,
		".pool is for");
	says(hf_engines_reopen(e, "writer", &why), HF_E_MISUSE, "a pool of yours");
	close_all(e);
	ck_assert_int_eq(hf_pool_get_state(p), HF_POOL_OPEN);
	ck_assert_int_eq(hf_pool_close(p, 0), HF_OK);
	hf_pool_unref(p);
}
END_TEST

/* True: all of it went well. */
static bool use_everything(void)
{
	hf_engines *e = hf_engines_new(), *copy = NULL, *other = NULL;
	hf_scope *s = NULL;
	bool ok = e &&
		  hf_engines_open(e, "main", NOWHERE, LAZY(.is_default = true), NULL) == HF_OK &&
		  hf_engines_assign(e, "reader", "main", NULL) == HF_OK &&
		  (s = hf_scope_new(e, HF_SCOPE_OPTS(.label = "x"))) != NULL &&
		  hf_session_pool(hf_reader(s)) && hf_session_txn(hf_writer(s)) &&
		  hf_scope_rollback(s) == HF_OK && (copy = hf_engines_copy(e, NULL)) != NULL &&
		  (other = hf_engines_copy_at(e, "y", NULL)) != NULL;

	hf_scope_unref(s);
	hf_engines_unref(copy);
	hf_engines_unref(other);
	if (e && hf_engines_close(e, 0) != HF_OK)
		ok = false;
	hf_engines_unref(e);
	return ok;
}

START_TEST(test_every_allocation_failing)
{
	long n = 0;
	bool done = false;

	for (; !done && n < 2000; n++) {
		hf__mem_fail(n, 1);
		done = use_everything() && hf__mem_seen() <= n;
		hf__mem_fail(0, 0);
	}
	ck_assert_int_gt(n, 20);
	ck_assert_int_lt(n, 2000);
}
END_TEST

START_TEST(test_names_of_numbers)
{
	ck_assert_str_eq(hf_pool_state_name(HF_POOL_OPEN), "open");
	ck_assert_str_eq(hf_pool_state_name(HF_POOL_CLOSING), "closing");
	ck_assert_str_eq(hf_pool_state_name(HF_POOL_CLOSED), "closed");
	ck_assert_str_eq(hf_pool_state_name((hf_pool_state)17), "?");
	ck_assert_str_eq(hf_mode_name(HF_MODE_BY_NAME), "");
	ck_assert_str_eq(hf_mode_name(HF_MODE_TXN), "txn");
	ck_assert_str_eq(hf_mode_name(HF_MODE_AUTOCOMMIT), "autocommit");
	ck_assert_str_eq(hf_mode_name(HF_MODE_READ), "read");
	ck_assert_str_eq(hf_mode_name(HF_MODE_SNAPSHOT), "snapshot");
	ck_assert_str_eq(hf_mode_name((hf_mode)17), "?");
}
END_TEST

T_MAIN("engines",
	{ "F1 registries are strangers, and a failure leaves them alone",
		test_registries_are_strangers, 0 },
	{ "F2 a name that is taken is refused, or drained when replaced", test_duplicate, 0 },
	{ "F3 reserved names", test_reserved, 0 },
	{ "F4 F28 the default engine, and that there is none", test_default, 0 },
	{ "F5 an unknown engine, with the names of those there are", test_unknown, 0 },
	{ "C1 F7 roles are given to engines while it runs", test_roles, 0 },
	{ "F23 options that do not fit together", test_zope_requires_scope__fail, 0 },
	{ "F37 a copy shares the pools and goes its own ways", test_copy, 0 },
	{ "F37 a copy at another database has pools of its own", test_copy_at, 0 },
	{ "one pool under several names", test_shared_pool, 0 },
	{ "modes and states have names", test_names_of_numbers, 0 },
	{ "every allocation failing in turn", test_every_allocation_failing, 60 })
