/* SPDX-License-Identifier: MIT */
/* Connection strings: what is taken out, what is put in, and what never comes out. */
#include "helpers.h"

#include "base/mem.h"
#include "pq/dsn.h"
#include "value/error.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *value(const hf__dsn *d, const char *key)
{
	for (size_t i = 0; i < d->n; i++)
		if (strcmp(d->keys[i], key) == 0)
			return d->values[i];
	return "";
}

/* Without what the environment may say. */
static void clean_environment(void)
{
	static const char *const names[] = { "PGHOST", "PGHOSTADDR", "PGSSLMODE", "PGSERVICE",
		"PGOPTIONS", "PGSSLROOTCERT" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		unsetenv(names[i]);
}

static hf__dsn read_dsn(const char *text, hf__dsn_pool *pool, const hf__dsn_session *session)
{
	hf_error *e = NULL;
	hf__dsn d;

	clean_environment();
	if (hf__dsn_init(&d, text, pool, &e) != HF_OK)
		ck_abort_msg("%s: %s", text, hf_error_message(e));
	if (hf__dsn_complete(&d, session, &e) != HF_OK)
		ck_abort_msg("%s: %s", text, hf_error_message(e));
	return d;
}

static const hf__dsn_session plain = { .name = "shop" };

START_TEST(test_pool_keys_in_uri)
{
	hf__dsn_pool pool;
	hf__dsn d = read_dsn("postgresql://ann:pw@localhost:5433/shop?pool_size=7&pool_timeout=15"
			     "&connect_timeout=3&pool_name=my%20shop&pool_read_only=1&pool_min=0",
		&pool, &plain);

	ck_assert_int_eq(pool.size, 7);
	ck_assert_int_eq(pool.timeout_ms, 15000);
	ck_assert_int_eq(pool.min, -1);
	ck_assert(pool.read_only);
	ck_assert_str_eq(pool.name, "my shop");
	ck_assert_str_eq(value(&d, "dbname"), "shop");
	ck_assert_str_eq(value(&d, "port"), "5433");
	ck_assert_str_eq(value(&d, "connect_timeout"), "3");
	ck_assert_str_eq(value(&d, "pool_size"), "");
	hf__free(pool.name);
	hf__dsn_finish(&d);
}
END_TEST

START_TEST(test_pool_keys_in_keywords)
{
	hf__dsn_pool pool;
	hf__dsn d =
		read_dsn("dbname = 'my \\'db' pool_size=3 user=ann pool_recycle=60 password='a b'",
			&pool, &plain);

	ck_assert_int_eq(pool.size, 3);
	ck_assert_int_eq(pool.recycle_ms, 60000);
	ck_assert_str_eq(value(&d, "dbname"), "my 'db");
	ck_assert_str_eq(value(&d, "password"), "a b");
	hf__dsn_finish(&d);
}
END_TEST

static void refused(const char *text, const char *word)
{
	hf__dsn_pool pool;
	hf__dsn d;
	hf_error *e = NULL;

	clean_environment();
	ck_assert_int_eq(hf__dsn_init(&d, text, &pool, &e), HF_E_MISUSE);
	ck_assert_msg(strstr(hf_error_message(e), word) != NULL, "%s lacks %s", hf_error_message(e),
		word);
	ck_assert_msg(strstr(hf_error_message(e), "hunter2") == NULL, "%s", hf_error_message(e));
	hf_error_unref(e);
	hf__free(pool.name);
	hf__dsn_finish(&d);
}

START_TEST(test_refusals_name_the_key_and_no_secret)
{
	refused("dbname=x colour=red password=hunter2", "\"colour\"");
	refused("postgresql://u:hunter2@h/db?colour=red", "\"colour\"");
	refused("postgresql://u:hunter2@h/db?pool_sise=3", "\"pool_sise\"");
	refused("pool_size=many password=hunter2", "\"pool_size\"");
	refused("pool_size=99999999999", "\"pool_size\"");
	refused("postgresql://u:hunter2%ZZ@h/db", "cannot be parsed");
	refused("dbname", "\"=\"");
}
END_TEST

START_TEST(test_where_has_no_password)
{
	hf__dsn_pool pool;
	hf__dsn d = read_dsn("host=localhost dbname=shop user=ann password=hunter2", &pool, &plain);

	ck_assert_str_eq(d.where, "host=localhost dbname=shop user=ann");
	hf__dsn_finish(&d);
}
END_TEST

static void expect_tls(const char *text, const char *sslmode)
{
	hf__dsn_pool pool;
	hf__dsn d = read_dsn(text, &pool, &plain);

	ck_assert_msg(strcmp(value(&d, "sslmode"), sslmode) == 0, "%s: sslmode is %s", text,
		value(&d, "sslmode"));
	hf__dsn_finish(&d);
}

START_TEST(test_tls_is_verified_beyond_this_machine)
{
	expect_tls("host=db.example.org sslrootcert=/x", "verify-full");
	expect_tls("host=localhost,db.example.org sslrootcert=/x", "verify-full");
	expect_tls("hostaddr=192.0.2.1 sslrootcert=/x", "verify-full");
	expect_tls("host=127.db.example.org sslrootcert=/x", "verify-full");
	expect_tls("host=db.example.org sslmode=require", "require");
	expect_tls("host=db.example.org service=shop", "");
	expect_tls("host=localhost", "");
	expect_tls("host=127.0.0.1,::1", "");
	expect_tls("host=/run/postgresql", "");
	expect_tls("dbname=shop", "");
}
END_TEST

START_TEST(test_session_settings_travel_in_the_startup_packet)
{
	hf__dsn_session want = {
		.name = "r", .read_only = true, .strict_auth = true, .statement_ms = 250
	};
	hf__dsn_pool pool;
	hf__dsn d = read_dsn("options='-c work_mem=8MB'", &pool, &want);
	const char *options = value(&d, "options");

	ck_assert(strstr(options, "default_transaction_read_only=on") != NULL);
	ck_assert(strstr(options, "statement_timeout=250") != NULL);
	ck_assert_str_eq(options + strlen(options) - strlen("-c work_mem=8MB"), "-c work_mem=8MB");
	ck_assert_str_eq(value(&d, "channel_binding"), "require");
	ck_assert_str_eq(value(&d, "client_encoding"), "UTF8");
	ck_assert_str_eq(value(&d, "keepalives_idle"), "30");
	ck_assert_str_eq(value(&d, "tcp_user_timeout"), "20000");
	ck_assert_str_eq(value(&d, "gssencmode"), "disable");
	ck_assert_str_eq(value(&d, "fallback_application_name"), "r");
	hf__dsn_finish(&d);
}
END_TEST

START_TEST(test_every_allocation_failing)
{
	static const char text[] =
		"postgresql://ann:hunter2@localhost/shop?pool_size=7&pool_name=x";
	long n = 0;

	clean_environment();
	for (bool done = false; !done && n < 1000; n++) {
		hf__dsn_pool pool;
		hf__dsn d;
		hf_error *e = NULL;

		hf__mem_fail(n, 1);
		done = hf__dsn_init(&d, text, &pool, &e) == HF_OK &&
		       hf__dsn_complete(&d, &plain, &e) == HF_OK && hf__mem_seen() <= n;
		hf__mem_fail(0, 0);
		hf_error_unref(e);
		hf__free(pool.name);
		hf__dsn_finish(&d);
	}
	ck_assert_int_gt(n, 10);
	ck_assert_int_lt(n, 1000);
}
END_TEST

T_MAIN("dsn", { "pool keys in a URI are taken out", test_pool_keys_in_uri, 0 },
	{ "pool keys among keywords are taken out", test_pool_keys_in_keywords, 0 },
	{ "refusals name the key and no secret", test_refusals_name_the_key_and_no_secret, 0 },
	{ "promise-H25 where it connects is told without a password", test_where_has_no_password,
		0 },
	{ "promise-H26 TLS is verified beyond this machine",
		test_tls_is_verified_beyond_this_machine, 0 },
	{ "session settings travel in the startup packet",
		test_session_settings_travel_in_the_startup_packet, 0 },
	{ "every allocation failing in turn", test_every_allocation_failing, 0 })
