/* SPDX-License-Identifier: MIT */
/* hf_result around a PGresult, and errors made from one.
 *
 * A result is immutable but for two things that grow without a lock: the list of memory lent to
 * readers (arrays, text made from binary), pushed by compare-and-swap and freed with the result.
 * Row and column numbers are checked before libpq sees them: out of range it would call the notice
 * hook of a connection that may be gone. */
#include "pq/result.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/recycle.h"
#include "base/ref.h"
#include "base/strbuf.h"
#include "value/codec.h"
#include "value/error.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How many free ones are kept for the next burst: see recycle.h. */
#define KEPT 4096

struct lent {
	struct lent *next;
	max_align_t data[];
};

struct hf__home {
	hf__ref refs;
	atomic_bool left; /* the link is closed: nothing is to come back */
	atomic_uint n;    /* came back since it was tidied */
	_Atomic(hf_result *) back;
};

struct hf_result {
	hf__ref refs;
	hf__home *home;  /* a reference, or NULL */
	hf_result *next; /* of those that came back */
	PGresult *pg;
	char *notices;
	char tag[64]; /* libpq keeps no more of it */
	_Atomic(struct lent *) lent;
	hf_result **earlier; /* of a script: the results before this one */
	size_t n_earlier;
	hf_result *described;  /* of a view: where its columns stand */
	const hf__cell *cells; /* and its row; NULL: none */
	struct scratch *scratch;
};

/* What rows of a view lend, one after the other: mostly enough, so that none needs memory of its
 * own. */
struct scratch {
	atomic_size_t used;
	_Alignas(max_align_t) char bytes[8192];
};

/* Of all pools: a result may outlive its own. */
static hf__recycle blocks = HF__RECYCLE_INIT(sizeof(hf_result), KEPT);
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
	struct lent *next;

	for (struct lent *l = atomic_load(&r->lent); l; l = next) {
		next = l->next;
		hf__free(l);
	}
	atomic_store_explicit(&r->lent, NULL, memory_order_relaxed);
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
	return r;
}

hf_result *hf__result_fill(hf_result *r, PGresult *pg, char *notices, const char *tag)
{
	const char *own = PQcmdStatus(pg);

	hf__copy_text(r->tag, sizeof r->tag, own && *own ? own : tag);
	r->pg = pg;
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

hf_result *hf__result_show(hf_result *r, PGresult *pg)
{
	if (!r)
		r = hf__result_alloc();
	if (r)
		r->pg = pg;
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
	r->pg = NULL;
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

	if (!r)
		return NULL;
	r->scratch = hf__alloc(sizeof *r->scratch);
	if (!r->scratch)
		return hf_result_unref(r);
	atomic_init(&r->scratch->used, 0);
	r->described = hf_result_ref(described);
	r->pg = described->pg;
	return r;
}

void hf__result_view_row(hf_result *view, const hf__cell *cells)
{
	view->cells = cells;
	if (atomic_load(&view->lent))
		drop_lent(view);
	atomic_store_explicit(&view->scratch->used, 0, memory_order_relaxed);
}

uint32_t hf__result_table(const hf_result *r, int col)
{
	return r && col >= 0 && col < PQnfields(r->pg) ? PQftable(r->pg, col) : 0;
}

hf_result *hf_result_ref(const hf_result *r)
{
	hf_result *mine = (hf_result *)(uintptr_t)r;

	if (mine)
		hf__ref_get(&mine->refs);
	return mine;
}

/* --- the way home --- */

hf__home *hf__home_new(void)
{
	hf__home *h = hf__calloc(sizeof *h);

	if (h)
		hf__ref_init(&h->refs);
	return h;
}

void hf__home_tidy(hf__home *h)
{
	hf_result *next;

	if (!h || !atomic_load_explicit(&h->back, memory_order_relaxed))
		return;
	atomic_store_explicit(&h->n, 0, memory_order_relaxed);
	for (hf_result *r = atomic_exchange(&h->back, NULL); r; r = next) {
		next = r->next;
		PQclear(r->pg);
		hf__recycle_give(&blocks, r);
	}
}

static void put_home(hf__home *h)
{
	if (!hf__ref_put(&h->refs))
		return;
	hf__home_tidy(h);
	hf__free(h);
}

void hf__home_leave(hf__home *h)
{
	if (!h)
		return;
	atomic_store(&h->left, true);
	hf__home_tidy(h);
	put_home(h);
}

/* Under the address sanitizer what is released is to be freed at once. */
void hf__result_settle(hf_result *r, hf__home *h)
{
#ifndef HF__EACH_ITS_OWN
	if (!h || PQresultMemorySize(r->pg) > HF__HOME_BYTES)
		return;
	hf__ref_get(&h->refs);
	r->home = h;
#else
	(void)r;
	(void)h;
#endif
}

/* False: it is to be freed here. Its reference keeps the stack alive until it is on it; whoever
 * drops the last one frees what is there. */
static bool go_home(hf_result *r)
{
	hf__home *h = r->home;
	bool goes = !atomic_load_explicit(&h->left, memory_order_relaxed) &&
		    atomic_fetch_add_explicit(&h->n, 1, memory_order_relaxed) < HF__HOME_ROOM;

	if (goes) {
		r->next = atomic_load_explicit(&h->back, memory_order_relaxed);
		while (!atomic_compare_exchange_weak(&h->back, &r->next, r))
			;
	}
	put_home(h);
	return goes;
}

hf_result *hf_result_unref(hf_result *r)
{
	if (!r || !hf__ref_put(&r->refs))
		return NULL;
	drop_lent(r);
	hf__free(r->scratch);
	if (r->described)
		r->pg = NULL; /* is its own */
	hf_result_unref(r->described);
	for (size_t i = 0; i < r->n_earlier; i++)
		hf_result_unref(r->earlier[i]);
	hf__free(r->earlier);
	hf__free(r->notices);
	if (r->home && go_home(r))
		return NULL;
	PQclear(r->pg);
	hf__recycle_give(&blocks, r);
	return NULL;
}

static void *lend_scratch(struct scratch *s, size_t n)
{
	size_t all, at;

	if (!s || n > sizeof s->bytes)
		return NULL;
	all = (n + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
	at = atomic_fetch_add(&s->used, all);
	return at <= sizeof s->bytes && all <= sizeof s->bytes - at ? s->bytes + at : NULL;
}

/* Memory that lives as long as the result; any thread. */
static void *lend(void *owner, size_t n)
{
	hf_result *r = owner;
	struct lent *l = lend_scratch(r->scratch, n);

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

size_t hf_result_rows(const hf_result *r)
{
	if (r && r->described)
		return r->cells != NULL;
	return r ? (size_t)PQntuples(r->pg) : 0;
}

int hf_result_columns(const hf_result *r)
{
	return r ? PQnfields(r->pg) : 0;
}

static bool has_column(const hf_result *r, int col)
{
	return col >= 0 && col < hf_result_columns(r);
}

const char *hf_result_column_name(const hf_result *r, int col)
{
	return has_column(r, col) ? PQfname(r->pg, col) : NULL;
}

int hf_result_column(const hf_result *r, const char *name)
{
	int n = hf_result_columns(r);

	/* Not PQfnumber: it folds case and unquotes, as SQL text would; this is a name. */
	for (int i = 0; name && i < n; i++)
		if (strcmp(PQfname(r->pg, i), name) == 0)
			return i;
	return -1;
}

uint32_t hf_result_column_type(const hf_result *r, int col)
{
	return has_column(r, col) ? PQftype(r->pg, col) : 0;
}

int hf__result_format(const hf_result *r, int col)
{
	return has_column(r, col) ? PQfformat(r->pg, col) : 0;
}

/* The last word of the tag. Not PQcmdTuples: a tag that it cannot read makes it call the notice
 * hook. */
int64_t hf_result_affected(const hf_result *r)
{
	const char *last = strrchr(hf_result_tag(r), ' ');

	return last ? strtoll(last, NULL, 10) : 0;
}

const char *hf_result_tag(const hf_result *r)
{
	return r ? r->tag : "";
}

const char *hf_result_notices(const hf_result *r)
{
	return r && r->notices ? r->notices : "";
}

size_t hf_result_count(const hf_result *r)
{
	return r ? r->n_earlier + 1 : 0;
}

const hf_result *hf_result_at(const hf_result *r, size_t i)
{
	if (!r || i > r->n_earlier)
		return NULL;
	return i == r->n_earlier ? r : r->earlier[i];
}

/* A cell that exists. */
static hf__cell cell_at(hf_row row, int col)
{
	const PGresult *pg = row.res->pg;
	int n = (int)row.n, len;
	bool null;

	if (row.res->cells)
		return row.res->cells[col];
	len = PQgetlength(pg, n, col);
	null = len == 0 && PQgetisnull(pg, n, col);
	return (hf__cell){ .type = PQftype(pg, col),
		.format = PQfformat(pg, col),
		.data = null ? NULL : PQgetvalue(pg, n, col),
		.len = len };
}

/* A cell that does not exist reads as NULL. */
static hf__cell cell_of(hf_row row, int col)
{
	if (row.n >= hf_result_rows(row.res) || !has_column(row.res, col))
		return (hf__cell){ 0, 0, NULL, 0 };
	return cell_at(row, col);
}

bool hf_row_is_null(hf_row row, int col)
{
	return cell_of(row, col).data == NULL;
}

const char *hf_row_text(hf_row row, int col)
{
	hf__cell c = cell_of(row, col);

	return hf__cell_text(&c, lend, (void *)(uintptr_t)row.res);
}

hf_bytes hf_row_bytes(hf_row row, int col)
{
	hf__cell c = cell_of(row, col);

	return hf__cell_bytes(&c, lend, (void *)(uintptr_t)row.res);
}

static hf_status decode(hf_row row, int col, hf_dest to, char *why, size_t n)
{
	hf__cell c = cell_of(row, col);

	return hf__decode(&c, to, lend, (void *)(uintptr_t)row.res, why, n);
}

int64_t hf_row_int8(hf_row row, int col, int64_t otherwise)
{
	int64_t v;

	return decode(row, col, (hf_dest){ HF_T_INT8, &v }, NULL, 0) == HF_OK ? v : otherwise;
}

double hf_row_float8(hf_row row, int col, double otherwise)
{
	double v;

	return decode(row, col, (hf_dest){ HF_T_FLOAT8, &v }, NULL, 0) == HF_OK ? v : otherwise;
}

bool hf_row_bool(hf_row row, int col, bool otherwise)
{
	bool v;

	return decode(row, col, (hf_dest){ HF_T_BOOL, &v }, NULL, 0) == HF_OK ? v : otherwise;
}

static hf_status read_column(hf_row row, int col, hf_dest to, hf_error **out_error)
{
	char why[256] = "";
	hf_status st;

	if (out_error)
		*out_error = NULL;
	if (row.n >= hf_result_rows(row.res))
		return hf__error_give(
			hf__error_fmt(HF_E_NO_ROWS, 0, "row %zu of a result of %zu rows", row.n,
				hf_result_rows(row.res)),
			out_error);
	if (!has_column(row.res, col))
		return hf__error_give(
			hf__error_fmt(HF_E_MISUSE, 0, "column %d of a result of %d columns", col,
				hf_result_columns(row.res)),
			out_error);
	st = decode(row, col, to, why, sizeof why);
	if (st == HF_OK)
		return HF_OK;
	return hf__error_give(
		hf__error_fmt(st, 0, "column \"%s\": %s", hf_result_column_name(row.res, col), why),
		out_error);
}

hf_status hf_row_read(hf_row row, const char *column, hf_dest to, hf_error **out_error)
{
	int col = hf_result_column(row.res, column);

	if (col < 0 && row.res)
		return hf__error_give(hf__error_fmt(HF_E_MISUSE, 0, "no column is named \"%s\"",
					      column ? column : "(null)"),
			out_error);
	return read_column(row, col, to, out_error);
}

hf_status hf_row_scan_v(hf_row row, const hf_dest *to, size_t n, hf_error **out_error)
{
	int columns = row.n < hf_result_rows(row.res) ? hf_result_columns(row.res) : 0;

	if (out_error)
		*out_error = NULL;
	for (size_t i = 0; i < n; i++) {
		hf_status st = HF_E_NO_ROWS;

		if (i < (size_t)columns) {
			hf__cell c = cell_at(row, (int)i);

			st = hf__decode(&c, to[i], lend, (void *)(uintptr_t)row.res, NULL, 0);
		}
		if (st != HF_OK) /* once more, for the story */
			st = read_column(row, (int)i, to[i], out_error);
		if (st != HF_OK)
			return st;
	}
	return HF_OK;
}

/* The severity tells: an ERROR of class 08 or 57 leaves the session as it is (a wrong number of
 * parameters is 08P01, a foreign server that is gone 08001, a RAISE may say anything); a FATAL ends
 * it, whatever its SQLSTATE. Of an internal error nobody knows what it left behind. */
static bool is_fatal(const PGresult *pg)
{
	const char *severity = PQresultErrorField(pg, PG_DIAG_SEVERITY_NONLOCALIZED);
	const char *state = PQresultErrorField(pg, PG_DIAG_SQLSTATE);

	if (severity)
		return strcmp(severity, "FATAL") == 0 || strcmp(severity, "PANIC") == 0;
	return state && hf__sqlstate_status(state) == HF_E_CONN_LOST;
}

bool hf__error_ends_session(const PGresult *pg)
{
	const char *state = PQresultErrorField(pg, PG_DIAG_SQLSTATE);

	return is_fatal(pg) || (state && strncmp(state, "XX", 2) == 0);
}

hf_error *hf__error_from_pg(const PGresult *pg, const char *query, hf_status as, bool placed)
{
	static const struct {
		hf_field_id id;
		int diag;
	} fields[] = {
		{ HF_ERR_SEVERITY, PG_DIAG_SEVERITY_NONLOCALIZED },
		{ HF_ERR_DETAIL, PG_DIAG_MESSAGE_DETAIL },
		{ HF_ERR_HINT, PG_DIAG_MESSAGE_HINT },
		{ HF_ERR_SCHEMA, PG_DIAG_SCHEMA_NAME },
		{ HF_ERR_TABLE, PG_DIAG_TABLE_NAME },
		{ HF_ERR_COLUMN, PG_DIAG_COLUMN_NAME },
		{ HF_ERR_DATATYPE, PG_DIAG_DATATYPE_NAME },
		{ HF_ERR_CONSTRAINT, PG_DIAG_CONSTRAINT_NAME },
		{ HF_ERR_CONTEXT, PG_DIAG_CONTEXT },
	};
	const char *state = PQresultErrorField(pg, PG_DIAG_SQLSTATE);
	const char *position = PQresultErrorField(pg, PG_DIAG_STATEMENT_POSITION);
	const char *message = PQresultErrorField(pg, PG_DIAG_MESSAGE_PRIMARY);
	hf__error_spec spec = { .sqlstate = state, .message = message };

	if (!message || !*message)
		spec.message = PQresultErrorMessage(pg);
	spec.status = state && !is_fatal(pg) ? HF_E_SQL : HF_E_CONN_LOST;
	if (as != HF_OK)
		spec.status = as;
	spec.traits = state ? hf__sqlstate_traits(state) & ~(unsigned)HF_CONNECTION : 0;
	if (spec.status == HF_E_CONN_LOST)
		spec.traits |= HF_CONNECTION;
	spec.position = placed && position ? atoi(position) : 0;
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
		spec.field[fields[i].id] = PQresultErrorField(pg, fields[i].diag);
	spec.field[HF_ERR_QUERY] = query;
	return hf__error_new(&spec);
}
