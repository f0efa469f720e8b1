/* SPDX-License-Identifier: MIT */
/* A database on each server that a registry writes to. */
#include "engine/database.h"

#include "base/mem.h"
#include "engine/engines.h"
#include "pool/pool.h"
#include "value/error.h"

/* The engines of a registry, and those of them, one a server, that act for the others. */
struct team {
	hf__engine **all;
	size_t n, n_leaders;
	bool *leads, *made;
};

static bool has_leader(const struct team *t, const hf__engine *g)
{
	for (size_t i = 0; i < t->n; i++)
		if (t->leads[i] && hf__dsn_same_server(&t->all[i]->pool->dsn, &g->pool->dsn))
			return true;
	return false;
}

static void dismiss(struct team *t)
{
	for (size_t i = 0; i < t->n; i++)
		hf__engine_put(t->all[i]);
	hf__free(t->all);
	hf__free(t->leads);
	hf__free(t->made);
}

static hf_error *gather(hf_engines *e, struct team *t)
{
	*t = (struct team){ 0 };
	t->all = hf__engines_all(e, &t->n, NULL);
	t->leads = hf__calloc((t->n + 1) * sizeof *t->leads);
	t->made = hf__calloc((t->n + 1) * sizeof *t->made);
	if (!t->all || !t->leads || !t->made)
		return hf__error_nomem();
	for (size_t i = 0; i < t->n; i++)
		if (hf__mode_writes(t->all[i]->mode) && !t->all[i]->pool->opts.read_only &&
			!has_leader(t, t->all[i])) {
			t->leads[i] = true;
			t->n_leaders++;
		}
	if (t->n_leaders == 0)
		return hf__error_fmt(HF_E_MISUSE, 0, "no engine of this registry writes");
	return NULL;
}

static hf_error *name_engine(hf_error *e, const hf__engine *g)
{
	return hf__error_amend(e, 0, 0, "engine \"%s\": %s", g->name, hf_error_message(e));
}

static hf_error *create_all(struct team *t, const char *name, const hf_database_opts *opts)
{
	hf_error *e;

	for (size_t i = 0; i < t->n; i++) {
		if (!t->leads[i])
			continue;
		e = hf__database_create(t->all[i]->pool, name, opts, &t->made[i]);
		if (e)
			return name_engine(e, t->all[i]);
	}
	return NULL;
}

/* Consumes `why`, and adds what could not be undone. */
static hf_error *drop_made(struct team *t, const char *name, hf_error *why)
{
	hf_error *e;

	for (size_t i = 0; t->made && i < t->n; i++) {
		e = t->made[i] ? hf__database_drop(t->all[i]->pool, name, NULL, NULL, 0) : NULL;
		if (e)
			why = hf__error_amend(why, 0, 0,
				"%s; and what was created is not dropped again: engine \"%s\": %s",
				hf_error_message(why), t->all[i]->name, hf_error_message(e));
		hf_error_unref(e);
	}
	return why;
}

/* Its sessions would be in the way of dropping the database. */
static hf_engines *close_copy(hf_engines *copy)
{
	hf_status st = copy ? hf_engines_close(copy, 1) : HF_OK;

	(void)st; /* what is not closed in time ends in the background */
	return hf_engines_unref(copy);
}

/* Before anything is created: the copy would be refused. */
static hf_error *check_own(const struct team *t)
{
	for (size_t i = 0; i < t->n; i++)
		if (!t->all[i]->dsn)
			return hf__error_fmt(HF_E_MISUSE, 0,
				"engine \"%s\" cannot be opened at another database: its pool is "
				"not its own",
				t->all[i]->name);
	return NULL;
}

hf_engines *hf_engines_create_database(
	hf_engines *e, const char *name, const hf_database_opts *opts, hf_error **out_error)
{
	hf_error *why = hf__engines_refusal(e);
	hf_engines *copy = NULL;
	struct team t;

	if (why) {
		hf__error_give(why, out_error);
		return NULL;
	}
	why = gather(e, &t);
	if (!why)
		why = check_own(&t);
	if (!why)
		why = create_all(&t, name, opts);
	if (!why)
		why = hf__engines_copy_at(e, name, &copy);
	if (why) {
		copy = close_copy(copy);
		why = drop_made(&t, name, why);
	}
	dismiss(&t);
	hf__error_give(why, out_error);
	return copy;
}

/* The pools that the registry has opened, in an array to hf__free. */
static hf_pool **own_pools(const struct team *t, size_t *n)
{
	hf_pool **own = hf__alloc((t->n + 1) * sizeof *own);

	*n = 0;
	for (size_t i = 0; own && i < t->n; i++)
		if (t->all[i]->dsn)
			own[(*n)++] = t->all[i]->pool;
	return own;
}

static hf_error *drop_all(struct team *t, const char *name, const hf_drop_opts *opts)
{
	size_t n;
	hf_pool **own = own_pools(t, &n);
	hf_error *e = own ? NULL : hf__error_nomem();

	for (size_t i = 0; !e && i < t->n; i++) {
		if (!t->leads[i])
			continue;
		e = hf__database_drop(t->all[i]->pool, name, opts, own, n);
		if (e)
			e = name_engine(e, t->all[i]);
	}
	hf__free(own);
	return e;
}

hf_status hf_engines_drop_database(
	hf_engines *e, const char *name, const hf_drop_opts *opts, hf_error **out_error)
{
	hf_error *why = hf__engines_refusal(e);
	struct team t;

	if (why)
		return hf__error_give(why, out_error);
	why = gather(e, &t);
	if (!why)
		why = drop_all(&t, name, opts);
	dismiss(&t);
	return hf__error_give(why, out_error);
}
