/* SPDX-License-Identifier: MIT */
/* Tables made, emptied, dropped and asked for, as futures. What is one statement is sent as it is;
 * the rest is an interaction, and its transaction. */
#include "engine/scope.h"
#include "pool/pool.h"

#include "base/mem.h"
#include "value/error.h"

#include <holdfast/orm_async.h>

/* What is to be done, of a registry or of one table. */
struct chore {
	hf_models *models; /* a reference */
	const hf_table *table;
	int flags;
	hf_status (*run)(const struct chore *c, hf_session *s);
};

static hf_status create_models(const struct chore *c, hf_session *s)
{
	return hf_models_create(c->models, s, c->flags);
}

static hf_status drop_models(const struct chore *c, hf_session *s)
{
	return hf_models_drop(c->models, s, c->flags);
}

static hf_status create_table(const struct chore *c, hf_session *s)
{
	return hf_table_create(s, c->table, c->flags);
}

static hf_status drop_table(const struct chore *c, hf_session *s)
{
	return hf_table_drop(s, c->table, c->flags);
}

static void free_chore(void *arg)
{
	struct chore *c = arg;

	hf_models_unref(c->models);
	hf__free(c);
}

static hf_status run(hf_conn *conn, void *arg, hf_reply *reply)
{
	const struct chore *c = arg;
	hf_session *s = hf_session_on_conn(conn);
	hf_status st;

	if (!s)
		return hf__reply_fail(reply, hf__error_nomem());
	st = c->run(c, s);
	if (st != HF_OK)
		st = hf__reply_fail(reply, hf_error_ref(hf_session_error(s)));
	hf_session_unref(s);
	return st;
}

static hf_future *send_chore(hf_pool *p, const struct chore *given, const char *label)
{
	struct chore *c = hf__alloc(sizeof *c);

	if (!c)
		return hf__job_refuse(p, hf__error_nomem(), NULL, NULL, NULL);
	*c = *given;
	if (c->models)
		c->models = hf_models_ref(c->models);
	return hf_submit_at(
		NULL, p, HF_JOB(.fn = run, .arg = c, .free_arg = free_chore, .label = label));
}

hf_future *hf_models_create_async(hf_models *m, hf_pool *p, int flags)
{
	return send_chore(p, &(struct chore){ .models = m, .flags = flags, .run = create_models },
		"models_create");
}

hf_future *hf_models_drop_async(hf_models *m, hf_pool *p, int flags)
{
	return send_chore(p, &(struct chore){ .models = m, .flags = flags, .run = drop_models },
		"models_drop");
}

hf_future *hf_table_create_async(hf_pool *p, const hf_table *t, int flags)
{
	return send_chore(p, &(struct chore){ .table = t, .flags = flags, .run = create_table },
		"table_create");
}

hf_future *hf_table_drop_async(hf_pool *p, const hf_table *t, int flags)
{
	return send_chore(
		p, &(struct chore){ .table = t, .flags = flags, .run = drop_table }, "table_drop");
}

/* --- one statement --- */

hf_future *hf_table_truncate_async(hf_pool *p, const hf_table *t, int flags)
{
	hf_session s = hf__session_sending(p);

	return hf__session_sent(NULL, &s, hf_table_truncate(&s, t, flags));
}

hf_future *hf_table_exists_async(hf_pool *p, const hf_table *t)
{
	hf_session s = hf__session_sending(p);
	bool later;

	return hf__session_sent(NULL, &s, hf_table_exists(&s, t, &later));
}

hf_future *hf_relation_exists_async(hf_pool *p, const char *schema, const char *name)
{
	hf_session s = hf__session_sending(p);
	bool later;

	return hf__session_sent(NULL, &s, hf_relation_exists(&s, schema, name, &later));
}

hf_future *hf_sequence_exists_async(hf_pool *p, const char *schema, const char *name)
{
	hf_session s = hf__session_sending(p);
	bool later;

	return hf__session_sent(NULL, &s, hf_sequence_exists(&s, schema, name, &later));
}
