/* SPDX-License-Identifier: MIT */
/* A password is nowhere in what a pool says: errors, log lines, its description. */
#include "fixture.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CANARY "c4naryS3cret"

/* All that this case was told, in one text. */
static struct {
	pthread_mutex_t lock;
	char text[64 * 1024];
	size_t n;
} heard = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void hear(const char *text)
{
	size_t n = strlen(text);

	pthread_mutex_lock(&heard.lock);
	if (heard.n + n + 2 < sizeof heard.text) {
		memcpy(heard.text + heard.n, text, n);
		heard.n += n;
		heard.text[heard.n++] = '\n';
	}
	pthread_mutex_unlock(&heard.lock);
}

static void hear_line(hf_log_level level, const char *message, void *arg)
{
	(void)level;
	(void)arg;
	hear(message);
}

static void hear_error(const hf_error *e)
{
	hear(hf_error_message(e));
	for (int i = HF_ERR_SEVERITY; i <= HF_ERR_SITE; i++) {
		const char *field = hf_error_field(e, (hf_field_id)i);

		if (field)
			hear(field);
	}
}

static const hf_pool_opts *listening(void)
{
	static hf_pool_opts o;

	o = *HF_POOL_OPTS(.name = t_name(), .max_conns = 1, .log = hear_line,
		.log_level = HF_LOG_DEBUG);
	return &o;
}

static void hear_refusals(void)
{
	static const char *const bad[] = {
		"password=" CANARY " pool_sise=7",
		"password=" CANARY " colour=red",
		"password=" CANARY " port",
		"password='" CANARY,
		"password= " CANARY " user",
		"password " CANARY " user=x",
		"user=x password=a" CANARY " " CANARY,
		"postgresql://me:is?" CANARY "@127.0.0.1/db",
		"postgresql://me:" CANARY "@127.0.0.1/db?colour=red",
		"postgresql://me:" CANARY "@127.0.0.1/db?pool_size=" CANARY,
		"postgresql://me:" CANARY "%zz@127.0.0.1/db",
		"postgresql:///db?password=" CANARY "&colour=red",
		"postgresql:///db?pool_min=2&pool_sise=1&password=" CANARY,
		"postgres:/me:" CANARY "@127.0.0.1/db",
		/* A password with a slash or a colon that nobody has encoded. */
		"postgresql://me:" CANARY "@127.0.0.1:port/db",
		"postgresql://me:" CANARY "/db",
		"\"host=/tmp password=" CANARY "\"",
	};

	for (size_t i = 0; i < T_COUNT(bad); i++) {
		hf_error *why = NULL;
		hf_pool *p;

		ck_assert_int_eq(hf_pool_open(bad[i], listening(), &p, &why), HF_E_MISUSE);
		hear_error(why);
		hf_error_unref(why);
	}
}

START_TEST(test_no_secret)
{
	hf_future *f;
	hf_pool *p;
	char with_password[512], *text;

	t_need_pgctl();
	snprintf(with_password, sizeof with_password, "%s user=needs_password password=" CANARY,
		t_dsn());
	free(t_psql("alter role needs_password password '" CANARY "'"));
	p = t_pool_on(with_password, listening());
	t_done(hf_query(p, "select 1"));
	f = hf_query(p, "select nonsense");
	hear_error(t_fails(f, HF_E_SQL));
	hf_future_unref(f);
	text = hf_pool_describe(p);
	hear(text);
	free(text);
	t_close(p);
	free(t_psql("alter role needs_password password 'secret'"));
	p = t_pool_on(with_password, listening());
	f = hf_query(p, "select 1");
	hear_error(t_fails(f, HF_E_CONNECT));
	hf_future_unref(f);
	text = hf_pool_describe(p);
	hear(text);
	free(text);
	t_close(p);
	p = t_pool_on("postgresql://me:" CANARY "@127.0.0.1/db?sslmode=perhaps", listening());
	f = hf_query(p, "select 1");
	hear_error(t_fails(f, HF_E_CONNECT));
	hf_future_unref(f);
	t_close(p);
	hear_refusals();
	ck_assert_ptr_nonnull(strstr(heard.text, "select 1"));
	ck_assert_ptr_nonnull(strstr(heard.text, "password authentication failed"));
	text = strstr(heard.text, CANARY);
	if (text)
		ck_abort_msg("a secret got out: %.200s",
			text - heard.text > 100 ? text - 100 : heard.text);
}
END_TEST

T_MAIN("secrets", { "B26 promise-H25 a password is in no message", test_no_secret, 0 })
