/* SPDX-License-Identifier: MIT */
/* The life of a result.
 *
 * A result is immutable but for what it lends to its readers (arrays, text made from binary), which
 * grows without a lock: a counter moves through the room of its own block, and what does not fit
 * there is pushed onto a list by compare-and-swap and freed with the result.
 *
 * Note "packed". libpq spends three and a half kilobytes in three allocations on a row of a
 * hundred bytes, and freed by another thread than made them they cost more than the query's own
 * work. So a small result is copied into the result's own block as soon as it is there, and libpq's
 * is released by the thread that made it. Only the columns' names stay behind: they are read from a
 * description that all results of a prepared statement share. */
#include "pq/result_inside.h"

#include "base/mem.h"
#include "base/recycle.h"
#include "base/strbuf.h"

#include <limits.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>

/* How many free ones are kept for the next burst: see recycle.h. */
#define KEPT 4096

/* What the rows of a view lend, one after the other: mostly enough, so that none needs memory of
 * its own. */
#define VIEW_BYTES 8192

struct hf__lent {
	struct hf__lent *next;
	max_align_t data[];
};

/* Of all pools: a result may outlive its own. */
static hf__recycle blocks = HF__RECYCLE_INIT(HF__RESULT_BYTES, KEPT);
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void hold(void)
{
	hf__recycle_hold(&blocks);
}

static void release(void)
{
	hf__recycle_release(&blocks);
}

static void watch_forks(void)
{
	pthread_atfork(hold, release, release);
}

static void drop_lent(hf_result *r)
{
	struct hf__lent *next;

	for (struct hf__lent *l = atomic_load(&r->lent); l; l = next) {
		next = l->next;
		hf__free(l);
	}
	atomic_store_explicit(&r->lent, NULL, memory_order_relaxed);
	atomic_store_explicit(&r->room_used, 0, memory_order_relaxed);
}

hf_result *hf__result_alloc(void)
{
	hf_result *r;

	pthread_once(&once, watch_forks);
	r = hf__recycle_take(&blocks);
	if (!r)
		return NULL;
	memset(r, 0, sizeof *r);
	hf__ref_init(&r->refs);
	r->room = r->block;
	r->room_size = HF__RESULT_ROOM;
	return r;
}

static void set_rows(hf_result *r, PGresult *pg)
{
	r->pg = pg;
	r->n_columns = PQnfields(pg);
	r->n_rows = (size_t)PQntuples(pg);
}

hf_result *hf__result_fill(hf_result *r, PGresult *pg, char *notices, const char *tag)
{
	const char *own = PQcmdStatus(pg);

	hf__copy_text(r->tag, sizeof r->tag, own && *own ? own : tag);
	set_rows(r, pg);
	r->notices = notices;
	return r;
}

hf_result *hf__result_new(PGresult *pg, char *notices)
{
	hf_result *r = hf__result_alloc();

	if (r)
		return hf__result_fill(r, pg, notices, "");
	PQclear(pg);
	hf__free(notices);
	return NULL;
}

/* --- packed --- */

static size_t aligned(size_t n)
{
	return (n + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
}

/* So many rows of so many columns may fit, if there is little in them. */
static bool may_fit(const hf_result *r)
{
	return r->n_rows <= HF__RESULT_ROOM / ((size_t)r->n_columns * sizeof(hf__cell));
}

/* One with the columns of `r`. Where there is room for it, its cells are the pattern of a row.
 * NULL: no memory. */
static hf_result *describe(const hf_result *r)
{
	PGresult *pg = PQcopyResult(r->pg, PG_COPYRES_ATTRS);
	hf_result *d = pg ? hf__result_new(pg, NULL) : NULL;
	hf__cell *cells;

	if (!d || (size_t)d->n_columns * sizeof *cells > HF__RESULT_ROOM)
		return d;
	cells = (hf__cell *)(void *)d->block;
	for (int i = 0; i < d->n_columns; i++)
		cells[i] = (hf__cell){ .type = PQftype(pg, i), .format = PQfformat(pg, i) };
	d->cells = cells;
	return d;
}

/* The format of all columns is the same. */
static bool is_of(const hf_result *r, const hf_result *described)
{
	const hf__cell *cells = described->cells;

	if (described->n_columns != r->n_columns)
		return false;
	if (!cells)
		return true;
	for (int i = 0; i < r->n_columns; i++)
		if (PQftype(r->pg, i) != cells[i].type ||
			PQftable(r->pg, i) != PQftable(described->pg, i))
			return false;
	return PQfformat(r->pg, 0) == cells[0].format;
}

/* Copies the cells of one row, what is in them to `at`. Answers what is behind it, or NULL: they do
 * not fit. */
static char *pack_row(
	const hf_result *r, int row, const hf__cell *pattern, hf__cell *cells, char *at)
{
	const char *end = r->block + HF__RESULT_ROOM;

	for (int i = 0; i < r->n_columns; i++) {
		int len = PQgetlength(r->pg, row, i);

		cells[i] = pattern[i];
		if (len == 0 && PQgetisnull(r->pg, row, i))
			continue;
		if (end - at <= len)
			return NULL;
		memcpy(at, PQgetvalue(r->pg, row, i), (size_t)len + 1); /* with libpq's NUL */
		cells[i].data = at;
		cells[i].len = len;
		at += len + 1;
	}
	return at;
}

/* What libpq made goes. The columns are read from `described`; NULL: there are none. */
static void forget_pg(hf_result *r, const hf_result *described)
{
	PQclear(r->pg);
	r->described = hf_result_ref(described);
	r->pg = described ? described->pg : NULL;
}

/* What does not fit stays as it is. */
static void pack(hf_result *r, const hf_result *described)
{
	hf__cell *cells = (hf__cell *)(void *)r->block;
	size_t n = (size_t)r->n_columns;
	char *at = r->block + r->n_rows * n * sizeof *cells;

	for (size_t i = 0; i < r->n_rows && at; i++)
		at = pack_row(r, (int)i, described->cells, cells + i * n, at);
	if (!at)
		return;
	atomic_store_explicit(
		&r->room_used, aligned((size_t)(at - r->block)), memory_order_relaxed);
	r->cells = cells;
	forget_pg(r, described);
}

void hf__result_pack(hf_result *r, hf_result **described)
{
	if (r->n_columns == 0) {
		forget_pg(r, NULL);
		return;
	}
	if (!described || !may_fit(r))
		return;
	if (*described && !is_of(r, *described))
		*described = hf_result_unref(*described);
	if (!*described)
		*described = describe(r);
	if (*described && (*described)->cells)
		pack(r, *described);
}

/* --- streams, scripts, views --- */

hf_result *hf__result_show(hf_result *r, PGresult *pg)
{
	if (!r)
		r = hf__result_alloc();
	if (r)
		set_rows(r, pg);
	else
		PQclear(pg);
	return r;
}

hf_result *hf__result_hide(hf_result *r)
{
	if (!hf__ref_sole(&r->refs))
		return hf_result_unref(r);
	drop_lent(r);
	PQclear(r->pg);
	set_rows(r, NULL);
	return r;
}

bool hf__result_chain(hf_result *last, hf_result **earlier, size_t n, char *notices)
{
	last->notices = notices;
	if (n == 0)
		return true;
	last->earlier = hf__alloc(n * sizeof *earlier);
	if (!last->earlier) {
		for (size_t i = 0; i < n; i++)
			hf_result_unref(earlier[i]);
		return false;
	}
	memcpy(last->earlier, earlier, n * sizeof *earlier);
	last->n_earlier = n;
	return true;
}

hf_result *hf__result_view(const hf_result *described)
{
	hf_result *r = hf__result_alloc();
	char *room = r ? hf__alloc(VIEW_BYTES) : NULL;

	if (!room)
		return hf_result_unref(r);
	r->room = room;
	r->room_size = VIEW_BYTES;
	r->described = hf_result_ref(described);
	r->pg = described->pg;
	r->n_columns = described->n_columns;
	return r;
}

void hf__result_view_row(hf_result *view, const hf__cell *cells)
{
	view->cells = cells;
	view->n_rows = cells != NULL;
	drop_lent(view);
}

/* --- references --- */

hf_result *hf_result_ref(const hf_result *r)
{
	hf_result *mine = (hf_result *)(uintptr_t)r;

	if (mine)
		hf__ref_get(&mine->refs);
	return mine;
}

hf_result *hf_result_unref(hf_result *r)
{
	if (!r || !hf__ref_put(&r->refs))
		return NULL;
	drop_lent(r);
	if (r->room != r->block)
		hf__free(r->room);
	for (size_t i = 0; i < r->n_earlier; i++)
		hf_result_unref(r->earlier[i]);
	hf__free(r->earlier);
	hf__free(r->notices);
	if (!r->described)
		PQclear(r->pg);
	hf_result_unref(r->described);
	hf__recycle_give(&blocks, r);
	return NULL;
}

static void *lend_room(hf_result *r, size_t n)
{
	size_t at = atomic_load_explicit(&r->room_used, memory_order_relaxed), all = aligned(n);

	if (n > r->room_size || at > r->room_size || all > r->room_size - at)
		return NULL;
	at = atomic_fetch_add(&r->room_used, all);
	return at <= r->room_size && all <= r->room_size - at ? r->room + at : NULL;
}

void *hf__result_room(void *result, size_t n)
{
	hf_result *r = result;
	struct hf__lent *l = lend_room(r, n);

	if (l)
		return l;
	l = n < SIZE_MAX - sizeof *l ? hf__alloc(sizeof *l + n) : NULL;
	if (!l)
		return NULL;
	l->next = atomic_load(&r->lent);
	while (!atomic_compare_exchange_weak(&r->lent, &l->next, l))
		;
	return l->data;
}
