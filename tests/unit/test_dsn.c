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

/* The words that settings take; and of libpq's own keys the last one wins. */
START_TEST(test_read_only_in_words)
{
	static const char *const texts[] = { "pool_read_only=yes", "pool_read_only=On",
		"postgresql://localhost/x?pool_read_only=true",
		"pool_read_only=off dbname=a dbname=x" };

	for (int i = 0; i < 4; i++) {
		hf__dsn_pool pool;
		hf__dsn d = read_dsn(texts[i], &pool, &plain);

		ck_assert_int_eq(pool.read_only, i < 3);
		if (i == 3)
			ck_assert_str_eq(value(&d, "dbname"), "x");
		hf__dsn_finish(&d);
	}
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
	refused("pool_size=99999999999", "\"pool_size\" needs a whole number from 1 to 10000");
	refused("pool_size=0", "\"pool_size\" needs a whole number from 1 to 10000");
	refused("postgresql:///x?pool_size=-1", "\"pool_size\" needs a whole number from 1 to");
	refused("pool_timeout=2147484",
		"\"pool_timeout\" needs a whole number from -1 to 2147483;");
	refused("pool_read_only=2", "\"pool_read_only\" needs true or false");
	refused("pool_size=3 pool_size=3", "\"pool_size\" is given twice");
	refused("postgresql:///x?pool_name=a&pool_name=b", "\"pool_name\" is given twice");
	refused("max_conns=3",
		"\"max_conns\" is unknown: in a connection string it is \"pool_size\"");
	refused("postgresql:///x?lifetime_ms=3", "it is \"pool_recycle\", in seconds");
	refused("mysql://u:hunter2@h/db", "a URI begins with postgresql:// or postgres://");
	refused("mysql://u:hunter2@h/db?colour=red", "a URI begins with postgresql://");
	refused(" postgresql://u:hunter2@h/db", "a URI begins with postgresql://");
	refused("postgresql://u:hunter2%ZZ@h/db", "cannot be parsed");
	refused("dbname", "\"=\"");
	refused("hunter2", "wanted: key=value ..., as in dbname=shop");
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

static void bare_environment(void)
{
	clean_environment();
	unsetenv("PGPORT");
	unsetenv("PGUSER");
	unsetenv("PGDATABASE");
}

/* A connection string, as written, that leads to `database`, and what it is as a URI. */
static void expect_at(const char *text, const char *database, const char *url)
{
	char *at = hf__dsn_text_at(text, database), *shown, name[256];
	hf__dsn_pool pool;
	hf__dsn d = read_dsn(at, &pool, &plain), e;

	ck_assert(hf__dsn_database(&d, name, sizeof name));
	ck_assert_str_eq(name, database);
	ck_assert_str_eq(value(&d, "dbname"), database);
	shown = hf__dsn_url(&d);
	ck_assert_str_eq(shown, url);
	ck_assert_ptr_null(strstr(shown, "s3cret"));
	hf__free(shown);
	ck_assert(hf__dsn_copy_at(&e, &d, "elsewhere"));
	ck_assert_str_eq(value(&e, "dbname"), "elsewhere");
	ck_assert_uint_eq(e.n, d.n);
	ck_assert_ptr_nonnull(strstr(e.where, "dbname=elsewhere"));
	ck_assert(hf__dsn_same_server(&d, &e));
	hf__free(pool.name);
	hf__dsn_finish(&d);
	hf__dsn_finish(&e);
	hf__free(at);
}

START_TEST(test_the_same_at_another_database)
{
	bare_environment();
	ck_assert_int_eq(setenv("PGUSER", "me", 1), 0);
	expect_at("host=localhost dbname=shop password=s3cret pool_size=7", "x",
		"postgresql://me@localhost:5432/x");
	expect_at("host=localhost password=", "x", "postgresql://me@localhost:5432/x");
	expect_at("host=localhost password = ", "x y", "postgresql://me@localhost:5432/x%20y");
	expect_at("host=localhost password=s3cret=", "x", "postgresql://me@localhost:5432/x");
	expect_at("host=localhost password='a s3cret='", "x", "postgresql://me@localhost:5432/x");
	expect_at("host=/run/pg port=7", "it's a \\ \"b\"",
		"postgresql://me@/it%27s%20a%20%5C%20%22b%22?host=/run/pg&port=7");
	expect_at("postgresql://you:s3cret@localhost:77/shop", "x&y=z",
		"postgresql://you@localhost:77/x%26y%3Dz");
	expect_at("postgresql://you:s3cret@localhost/shop?pool_size=2&connect_timeout=3",
		"\xc3\xa4/", "postgresql://you@localhost:5432/%C3%A4%2F");
	expect_at("postgres:///?host=localhost,127.0.0.1&port=1,2", "x",
		"postgresql://me@/x?host=localhost,127.0.0.1&port=1,2");
	expect_at("hostaddr=127.0.0.1", "x", "postgresql://me@/x?hostaddr=127.0.0.1&port=5432");
	expect_at("service=shop", "x", "postgresql:///x?service=shop");
}
END_TEST

static void expect_same(const char *a, const char *b, bool same)
{
	hf__dsn_pool pool;
	hf__dsn one = read_dsn(a, &pool, &plain), two = read_dsn(b, &pool, &plain);

	ck_assert_msg(hf__dsn_same_server(&one, &two) == same, "\"%s\", \"%s\"", a, b);
	hf__dsn_finish(&one);
	hf__dsn_finish(&two);
}

START_TEST(test_the_same_server)
{
	bare_environment();
	expect_same("", "port=5432", true);
	expect_same("user=a password=b dbname=c", "dbname=d", true);
	expect_same("host=localhost", "postgresql://localhost:5432/x", true);
	expect_same("host=localhost", "host=localhost port=5433", false);
	expect_same("host=/a", "host=/b", false);
	expect_same("service=a", "service=b", false);
	expect_same("service=a", "service=a dbname=x", true);
	ck_assert_int_eq(setenv("PGPORT", "77", 1), 0);
	expect_same("", "port=77", true);
	expect_same("", "port=5432", false);
}
END_TEST

START_TEST(test_the_database_it_leads_to)
{
	hf__dsn_pool pool;
	hf__dsn d;
	char name[256];

	bare_environment();
	d = read_dsn("user=me", &pool, &plain);
	ck_assert(hf__dsn_database(&d, name, sizeof name));
	ck_assert_str_eq(name, "me");
	ck_assert_int_eq(setenv("PGDATABASE", "shop", 1), 0);
	ck_assert(hf__dsn_database(&d, name, sizeof name));
	ck_assert_str_eq(name, "shop");
	hf__dsn_finish(&d);
	d = read_dsn("service=x user=me", &pool, &plain);
	ck_assert(!hf__dsn_database(&d, name, sizeof name));
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
	{ "B26 switches in words", test_read_only_in_words, 0 },
	{ "refusals name the key and no secret", test_refusals_name_the_key_and_no_secret, 0 },
	{ "promise-H25 where it connects is told without a password", test_where_has_no_password,
		0 },
	{ "promise-H26 TLS is verified beyond this machine",
		test_tls_is_verified_beyond_this_machine, 0 },
	{ "session settings travel in the startup packet",
		test_session_settings_travel_in_the_startup_packet, 0 },
	{ "F37 F34 the same at another database, and as a URI without a password",
		test_the_same_at_another_database, 0 },
	{ "which connection strings say the same server", test_the_same_server, 0 },
	{ "the database that a connection string leads to", test_the_database_it_leads_to, 0 },
	{ "every allocation failing in turn", test_every_allocation_failing, 0 })
