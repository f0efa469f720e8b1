/* SPDX-License-Identifier: MIT */
/* A unit of work and the future that it will resolve. */
#include "pool/pool.h"

#include "base/mem.h"
#include "base/thread.h"
#include "value/error.h"

#include <stdio.h>
#include <string.h>

static hf__recycle *recycler_of(const hf__job *j)
{
	return j->more->job ? &j->pool->full_jobs : &j->pool->plain_jobs;
}

/* Whether it lies in the job's own block. */
static bool is_inside(const hf__job *j, const void *p)
{
	return (uintptr_t)p >= (uintptr_t)j && (uintptr_t)p < (uintptr_t)j + j->size;
}

static void drop(const hf__job *j, void *p)
{
	if (!is_inside(j, p))
		hf__free(p);
}

void hf__job_destroy(hf_future *f)
{
	hf__job *j = hf__job_of(f);
	hf_pool *p = j->pool;

	hf_error_unref(j->more->refused);
	hf_error_unref(j->more->retry.last);
	hf__free(j->more->text);
	drop(j, j->more->label);
	drop(j, j->sql);
	drop(j, j->params);
	hf__recycle_give(recycler_of(j), j);
	hf__pool_put(p);
}

hf_error *hf__job_canceled_early(const hf__job *j)
{
	return hf__error_at(
		hf__error_fmt(HF_E_CANCELED, HF_RETRYABLE, "cancelled before it started"), 0,
		j->sql, &j->site);
}

static hf_status job_cancel(hf_future *f)
{
	hf__job *j = hf__job_of(f);
	hf_pool *p = j->pool;
	hf_status st = HF_E_BUSY;

	hf__lock(&p->lock);
	if (j->state == HF__JOB_QUEUED) {
		hf__queue_remove(&p->queue, j);
		j->state = HF__JOB_DONE;
		hf__pool_count_end_locked(p, j, HF_E_CANCELED);
		hf__worker_recheck_locked(p);
		st = HF_OK;
	} else if (j->state == HF__JOB_RUNNING) {
		atomic_store(&j->cancel_asked, true);
		hf__worker_poke_locked(j->worker);
		hf__relay_summon_locked(j->worker);
		st = HF_PENDING;
	}
	hf__unlock(&p->lock);
	if (st == HF_OK)
		hf__job_fail(j, hf__job_canceled_early(j));
	return st;
}

bool hf__job_stuck(const hf_future *f)
{
	const hf__job *j = (const void *)f;

	return hf__thread_role(j->pool) != HF__ROLE_NONE;
}

static const hf__future_ops ops = { .cancel = job_cancel,
	.destroy = hf__job_destroy,
	.stuck = hf__job_stuck,
	.help = hf__relay_help,
	.attend = hf__relay_attend,
	.watch = hf__relay_watch,
	.advance = hf__relay_advance,
	.unwatch = hf__relay_unwatch };

/* Labels stand in lines of the log and of reports, between quotation marks. */
static char *clean_label(char *label)
{
	size_t n = strlen(label);

	if (n > HF__LABEL_BYTES) {
		for (n = HF__LABEL_BYTES; n > 0 && ((unsigned char)label[n] & 0xc0) == 0x80;)
			n--;
		label[n] = '\0';
	}
	if (!hf__utf8_valid(label, n))
		for (unsigned char *p = (unsigned char *)label; *p; p++)
			*p = *p < 0x80 ? *p : '?';
	for (char *p = label; (p = strchr(p, '"')) != NULL;)
		*p = '\'';
	hf__oneline(label);
	return label;
}

char *hf__label_dup(const char *label)
{
	char *mine = hf__strdup(label);

	return mine ? clean_label(mine) : NULL;
}

/* --- the block --- */

static char *keep(hf__job *j, const char *text, size_t n)
{
	bool fits = n < (size_t)(j->size - j->used);
	char *mine = fits ? (char *)j + j->used : hf__alloc(n + 1);

	if (!mine)
		return NULL;
	memcpy(mine, text, n);
	mine[n] = '\0';
	if (fits)
		j->used = (uint16_t)(j->used + n + 1);
	return mine;
}

char *hf__job_keep(hf__job *j, const char *text)
{
	return keep(j, text, strlen(text));
}

struct full {
	hf__job job;
	hf__job_more more;
};

static void init(hf__job *j, hf_pool *p, hf__job_kind kind, const hf_site *site)
{
	memset(j, 0, sizeof *j);
	hf__future_init(&j->future, &ops, p->callbacks);
	APR_RING_ELEM_INIT(j, link);
	j->pool = hf__pool_ref(p);
	j->kind = kind;
	if (site)
		j->site = *site;
}

hf__job *hf__job_new(hf_pool *p, hf__job_kind kind, const hf_site *site, const char *label)
{
	struct full *full = hf__recycle_take(&p->full_jobs);
	hf__job *j;

	if (!full)
		return NULL;
	j = &full->job;
	init(j, p, kind, site);
	memset(&full->more, 0, sizeof full->more);
	full->more.job = j;
	j->more = &full->more;
	j->used = sizeof *full;
	j->size = HF__JOB_FULL_BYTES;
	/* There is room for it; one byte more tells where its last character ends. */
	if (label)
		full->more.label = clean_label(keep(j, label, strnlen(label, HF__LABEL_BYTES + 1)));
	return j;
}

/* With parameters of so many bytes each. */
static bool fits_plain(const char *sql, size_t n_args)
{
	enum { SHORT = 12, ROOM = HF__JOB_PLAIN_BYTES - sizeof(hf__job) };

	return n_args < ROOM &&
	       strnlen(sql ? sql : "", ROOM) + hf__params_size(n_args) + n_args * SHORT < ROOM;
}

hf__job *hf__job_new_plain(hf_pool *p, const hf_site *site, const char *sql, size_t n_args)
{
	static const hf__job_more nothing;
	hf__job *j;

	if (!fits_plain(sql, n_args))
		return hf__job_new(p, HF__JOB_QUERY, site, NULL);
	j = hf__recycle_take(&p->plain_jobs);
	if (!j)
		return NULL;
	init(j, p, HF__JOB_QUERY, site);
	j->more = (hf__job_more *)(uintptr_t)&nothing;
	j->used = sizeof *j;
	j->size = HF__JOB_PLAIN_BYTES;
	return j;
}

void hf__job_init_pool(hf_pool *p)
{
	_Static_assert(sizeof(struct full) + 2 * HF__LABEL_BYTES < HF__JOB_FULL_BYTES,
		"a label fits into the block");
	hf__recycle_init(&p->plain_jobs, HF__JOB_PLAIN_BYTES, HF__JOBS_KEPT);
	hf__recycle_init(&p->full_jobs, HF__JOB_FULL_BYTES, HF__JOBS_KEPT);
}

void hf__job_finish_pool(hf_pool *p)
{
	hf__recycle_finish(&p->plain_jobs);
	hf__recycle_finish(&p->full_jobs);
}

/* --- what it is to do --- */

static hf_error *check_text(hf__job *j, const char *sql, size_t n)
{
	hf__sql_look is;

	if (!sql)
		return hf__error_fmt(HF_E_MISUSE, 0, "the SQL text is NULL");
	is = hf__sql_look_at(sql, n);
	if (!is.utf8)
		return hf__error_fmt(HF_E_MISUSE, 0, "the SQL text is not UTF-8");
	j->sql_kind = is.kind;
	j->sql_hash = is.hash;
	return NULL;
}

/* What they are on the wire, about. */
static uint32_t bytes_of(size_t text, const hf__params *params)
{
	size_t n = text;

	for (int i = 0; params && i < params->n; i++)
		n += params->lengths[i] > 0 ? (size_t)params->lengths[i] : 16;
	return n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
}

static hf_error *set_params(hf__job *j, const hf_value *args, size_t n)
{
	size_t align = _Alignof(hf__params), from = (j->used + align - 1) / align * align;
	void *room = from < j->size ? (char *)j + from : NULL;
	hf_error *e = NULL;

	hf__params_make(room, room ? j->size - from : 0, args, n, &j->params, &e);
	if (j->params && (void *)j->params == room)
		j->used = j->size;
	return e;
}

hf_error *hf__job_set_query(hf__job *j, const char *sql, const hf_value *args, size_t n)
{
	size_t length = sql ? strlen(sql) : 0;
	hf_error *e = check_text(j, sql, length);

	if (e)
		return e;
	j->sql = keep(j, sql, length);
	e = j->sql ? set_params(j, args, n) : hf__error_nomem();
	j->sql_bytes = bytes_of(length, j->params);
	return e;
}

hf_error *hf__job_set_another(hf__job *j, const char *sql, const hf_value *args, size_t n)
{
	hf__params *params, *old_params = j->params;
	char *text, *old_text = j->sql;
	hf_error *e = NULL;

	if (hf__params_new(args, n, &params, &e) != HF_OK)
		return e;
	text = keep(j, sql, strlen(sql));
	if (!text || (e = check_text(j, sql, strlen(sql))) != NULL) {
		hf__free(params);
		return e ? e : hf__error_nomem();
	}
	j->sql = text;
	j->params = params;
	j->sql_bytes = bytes_of(strlen(sql), params);
	drop(j, old_text);
	drop(j, old_params);
	return NULL;
}

hf_error *hf__job_set_script(hf__job *j, const char *sql, const hf_value *args, size_t n)
{
	size_t length = sql ? strlen(sql) : 0;
	hf__strbuf text = HF__STRBUF_INIT;
	hf_error *e = check_text(j, sql, length);

	if (e)
		return e;
	if (hf__sql_render(&text, sql, args, n, &e) != HF_OK) {
		hf__strbuf_finish(&text);
		return e;
	}
	j->more->text = hf__strbuf_take(&text);
	j->sql = keep(j, sql, length);
	return j->sql && j->more->text ? NULL : hf__error_nomem();
}

hf_error *hf__job_set_fn(hf__job *j, const hf_job *opts)
{
	j->more->arg = opts->arg;
	j->more->free_arg = opts->free_arg;
	j->more->fn = opts->fn;
	j->timeout_ms = opts->timeout_ms;
	j->more->acquire_ms = opts->acquire_ms;
	j->urgent = opts->urgent;
	j->more->manual = opts->manual;
	j->more->isolation = opts->isolation;
	j->read_only = opts->read_only;
	j->more->outcome_wanted = opts->outcome;
	j->more->then = opts->then;
	j->more->nested = opts->nested;
	j->more->no_submit = opts->no_submit;
	if (opts->dry_run)
		return hf__error_fmt(HF_E_MISUSE, 0,
			"a function has no dry run: only SQL can be rendered (hf_dry_run)");
	if (!opts->fn)
		return hf__error_fmt(HF_E_MISUSE, 0, "the interaction's function is NULL");
	if ((unsigned)opts->isolation > HF_ISO_SERIALIZABLE)
		return hf__error_fmt(
			HF_E_MISUSE, 0, "isolation %d is unknown", (int)opts->isolation);
	if ((unsigned)opts->outcome > HF_OUTCOME_RESOLVED)
		return hf__error_fmt(HF_E_MISUSE, 0, "outcome %d is unknown", (int)opts->outcome);
	if ((unsigned)opts->then > HF_THEN_ROLLBACK)
		return hf__error_fmt(HF_E_MISUSE, 0, "then %d is unknown", (int)opts->then);
	if (opts->nested && !j->more->txn)
		return hf__error_fmt(HF_E_MISUSE, 0, ".nested is for hf_txn_run");
	return NULL;
}

void hf__job_free_arg(hf__job *j)
{
	hf_free_fn *fn = j->more->free_arg;

	if (!fn)
		return;
	j->more->free_arg = NULL;
	fn(j->more->arg);
}

void hf__job_complete(hf__job *j, hf__outcome outcome)
{
	hf__job_free_arg(j);
	hf__future_complete(&j->future, outcome);
	hf_future_unref(&j->future);
}

void hf__job_complete_own(hf__job *j)
{
	hf__job_free_arg(j);
	hf__future_complete_own(&j->future, j->outcome);
	hf_future_unref(&j->future);
}

void hf__job_complete_many(hf__job *const *jobs, size_t n)
{
	hf__completion c;

	for (size_t i = 0; i < n; i++)
		hf__job_free_arg(jobs[i]);
	hf__completion_init(&c);
	for (size_t i = 0; i < n; i++)
		hf__completion_add(&c, &jobs[i]->future, jobs[i]->outcome);
	hf__completion_run(&c);
	for (size_t i = 0; i < n; i++)
		hf_future_unref(&jobs[i]->future);
}

void hf__job_fail(hf__job *j, hf_error *e)
{
	e = hf__retry_never(j, e);
	hf__job_complete(j, (hf__outcome){ .status = hf_error_status(e), .error = e });
}

const char *hf__site_name(const char *label, const hf_site *site, char *buf, size_t n)
{
	const char *file = site && site->file ? site->file : "?";
	int line = site ? site->line : 0;

	if (label)
		snprintf(buf, n, "\"%s\" (%s:%d)", label, file, line);
	else
		snprintf(buf, n, "%s:%d", file, line);
	return buf;
}

const char *hf__job_name(const hf__job *j, char *buf, size_t n)
{
	return hf__site_name(j->more->label, &j->site, buf, n);
}
