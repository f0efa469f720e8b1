/* SPDX-License-Identifier: MIT */
/* Quick ways to find rows: by an id, by a text in whatever case, a range of them for a page.
 *
 *     st = hf_by_id(s, person, &p, 42);                          // NULL where there is none
 *     st = hf_by_text(s, person, &p, name, "ann");                // Ann, ANN … : one of them
 *     st = hf_similar(s, person, &rows, name, "An", false, 0, 20); // that begin so
 *     st = hf_range(s, person, &rows, HF_RANGE(.order = "name, id desc", .limit = 20));
 *
 * They are verbs (see orm.h), made of conditions (see find.h) that anybody may put together. What
 * is looked for means itself: % and _ are letters like others. */
#ifndef HOLDFAST_FINDERS_H
#define HOLDFAST_FINDERS_H

#include <holdfast/orm.h>

HF__BEGIN

/* The row with this id, into the session's memory; HF_OK and NULL: there is none. `column` (HF_C)
 * is what is compared; 0 stands for a column called "id", and where the table has none for its key,
 * HF_E_MISUSE if that is not one column. */
HF_CHECK hf_status hf_by_id_at(const hf_site *site, hf_session *s, const hf_table *t, void *out,
	uint32_t column, hf_value id);

/* Those with one of these ids (an array, as for HF_ANY), in no order. */
HF_CHECK hf_status hf_by_ids_at(const hf_site *site, hf_session *s, const hf_table *t,
	hf_rows **out, uint32_t column, hf_value ids);

/* The row whose text column is this, in whatever case. HF_OK and NULL: none is. HF_E_MANY_ROWS:
 * more than one, of which hf_all_by_text gives all, by the table's key, `limit` at most (< 0: all).
 * An index on lower(column) serves them. */
HF_CHECK hf_status hf_by_text_at(const hf_site *site, hf_session *s, const hf_table *t, void *out,
	uint32_t column, const char *text);
HF_CHECK hf_status hf_all_by_text_at(const hf_site *site, hf_session *s, const hf_table *t,
	hf_rows **out, uint32_t column, const char *text, int64_t offset, int64_t limit);

/* Those whose text column begins with this, or (`anywhere`) has it in it, in whatever case, by that
 * column and the key. */
HF_CHECK hf_status hf_similar_at(const hf_site *site, hf_session *s, const hf_table *t,
	hf_rows **out, uint32_t column, const char *text, bool anywhere, int64_t offset,
	int64_t limit);

/* The row whose text column is exactly this, else one where it is in another case; NULL: neither.
 * In the latter cases that is a second statement. */
HF_CHECK hf_status hf_exact_first_at(const hf_site *site, hf_session *s, const hf_table *t,
	void *out, uint32_t column, const char *text);

typedef struct hf_range_opts {
	size_t struct_size; /* set by HF_RANGE */
	/* "status, name desc": columns or members, see hf_find_order_by. Text of others: a word
	 * that names none is HF_E_MISUSE. The key comes behind it, so that equal rows have an
	 * order, too. [the key] */
	const char *order;
	bool any_case; /* texts are sorted in whatever case */
	int64_t offset;
	int64_t limit;        /* [0: all] */
	const hf_find *where; /* only those; its own order comes first */
	char **sql;           /* receives the statement's text, yours to free(); NULL: it failed */
} hf_range_opts;

/* A part of a table, in an order. `opts` NULL: all of it, by its key. */
HF_CHECK hf_status hf_range_at(const hf_site *site, hf_session *s, const hf_table *t, hf_rows **out,
	const hf_range_opts *opts);

HF__END

#ifndef __cplusplus
#define HF_RANGE(...) (&(const hf_range_opts){ .struct_size = sizeof(hf_range_opts), __VA_ARGS__ })

/* clang-format off */
/* HF_C of a column that is text: another does not compile. */
#define HF__TEXT_C(T, m) (HF_C(T, m) + (uint32_t)HF__ASSERT(HF__IS(T, m, const char *), \
	"holdfast: this needs a text column, " #T "." #m " is none"))

#define hf_by_id(s, T, out, id) hf_by_id_at(HF_HERE, (s), &T##_table, HF__ROW_OUT(T, out), 0, HF_V(id))
/* hf_by_id_of(s, person, &p, number, 7): by another column */
#define hf_by_id_of(s, T, out, m, id) \
	hf_by_id_at(HF_HERE, (s), &T##_table, HF__ROW_OUT(T, out), HF_C(T, m), HF__VALUE(T, m, id))
#define hf_by_ids(s, T, out, ids) hf_by_ids_at(HF_HERE, (s), &T##_table, (out), 0, HF_V(ids))
#define hf_by_ids_of(s, T, out, m, ids) hf_by_ids_at(HF_HERE, (s), &T##_table, (out), HF_C(T, m), HF_V(ids))
#define hf_by_text(s, T, out, m, text) \
	hf_by_text_at(HF_HERE, (s), &T##_table, HF__ROW_OUT(T, out), HF__TEXT_C(T, m), (text))
#define hf_all_by_text(s, T, out, m, text, offset, limit) \
	hf_all_by_text_at(HF_HERE, (s), &T##_table, (out), HF__TEXT_C(T, m), (text), (offset), (limit))
#define hf_similar(s, T, out, m, text, anywhere, offset, limit) \
	hf_similar_at(HF_HERE, (s), &T##_table, (out), HF__TEXT_C(T, m), (text), (anywhere), (offset), (limit))
#define hf_exact_first(s, T, out, m, text) \
	hf_exact_first_at(HF_HERE, (s), &T##_table, HF__ROW_OUT(T, out), HF__TEXT_C(T, m), (text))
#define hf_range(s, T, out, opts) hf_range_at(HF_HERE, (s), &T##_table, (out), (opts))
/* clang-format on */
#endif

#endif
