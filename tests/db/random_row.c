/* SPDX-License-Identifier: MIT */
/* Random values that a column takes, and that come back as they were sent. */
#include "catalog.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct dice {
	hf_session *s;
	uint64_t *seed;
};

/* splitmix64 */
static uint64_t roll(struct dice *d)
{
	uint64_t z = *d->seed += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static int64_t between(struct dice *d, int64_t low, int64_t high)
{
	return low + (int64_t)(roll(d) % (uint64_t)(high - low + 1));
}

static void *must_have(void *p)
{
	ck_assert_ptr_nonnull(p);
	return p;
}

static void *room(struct dice *d, size_t n)
{
	return must_have(hf_session_alloc(d->s, n));
}

/* `n` characters, of one, two, three and four bytes, quotes, wildcards and backslashes among them.
 */
static const char *text(struct dice *d, size_t n)
{
	static const char *const letters[] = { "a", "b", "Z", "0", "9", "'", "\"", "\\", "%", "_",
		"{", ",", "$1", "\xc3\xa9", "\xe2\x82\xac", "\xf0\x9f\x90\x98", " " };
	char *s = room(d, n * 4 + 1), *at = s;

	for (size_t i = 0; i < n; i++) {
		const char *letter = letters[roll(d) % (sizeof letters / sizeof *letters)];

		if (strlen(letter) == 2 && *letter == '$')
			letter = "$";
		if (i + 1 == n && *letter == ' ')
			letter = "x"; /* char(n) does not tell how many blanks there were */
		at += strlen(strcpy(at, letter));
	}
	return s;
}

static const char *label(struct dice *d, const char *labels)
{
	int n = 0, k;
	const char *at = labels;
	char *s;

	for (const char *c = labels; *c; c++)
		n += *c == ',';
	for (k = (int)between(d, 0, n - 1); k > 0; k--)
		at = strchr(at, ',') + 1;
	s = room(d, strlen(at) + 1);
	memcpy(s, at, strcspn(at, ","));
	return s;
}

static const char *any_text(struct dice *d, const hf_column *c, const struct t_trait *trait)
{
	size_t most = c->length > 0 && c->length < 40 ? (size_t)c->length : 40;

	if (trait->labels)
		return label(d, trait->labels);
	if (strcmp(trait->type, "tsvector") == 0)
		return between(d, 0, 1) ? "'fat':2 'rat':3" : "'cat':1";
	if (strcmp(trait->type, "int4range") == 0)
		return between(d, 0, 1) ? "[1,7)" : "empty";
	if (strcmp(trait->type, "bpchar") == 0)
		return text(d, c->length > 0 ? (size_t)c->length : 1);
	if (c->as_text)
		ck_abort_msg("no random value is known of type %s", trait->type);
	/* long enough to be the only one of its kind */
	return text(d, (size_t)between(d, most < 12 ? (int64_t)most : 12, (int64_t)most));
}

static hf_numeric any_numeric(struct dice *d, const hf_column *c)
{
	int digits = c->length > 0 ? c->length - c->scale : 12;
	char *s = room(d, 64);
	int n;

	digits = digits > 12 ? 12 : digits;
	n = snprintf(s, 20, "%s%d", between(d, 0, 1) ? "-" : "", (int)between(d, 1, 9));
	while (--digits > 0)
		n += snprintf(s + n, 2, "%d", (int)between(d, 0, 9));
	for (int i = 0; i < c->scale; i++)
		n += snprintf(s + n, 3, "%s%d", i ? "" : ".", (int)between(d, 0, 9));
	return (hf_numeric){ s };
}

static hf_bytes any_bytes(struct dice *d)
{
	size_t n = (size_t)between(d, 0, 40);
	unsigned char *b = room(d, n + 1);

	for (size_t i = 0; i < n; i++)
		b[i] = (unsigned char)roll(d);
	return (hf_bytes){ b, n };
}

static hf_json any_json(struct dice *d)
{
	char *s = room(d, 64);

	snprintf(s, 64, "{\"a\": %d, \"bc\": [null, \"%s\"]}", (int)between(d, -9, 9),
		between(d, 0, 1) ? "\xc3\xa9" : "'");
	return (hf_json){ s };
}

static void any_array(struct dice *d, int type, hf_text_array *a)
{
	size_t n = (size_t)between(d, 0, 4);
	const char **texts = room(d, (n + 1) * sizeof *texts);
	bool *null = room(d, n + 1);

	for (size_t i = 0; i < n; i++) {
		null[i] = between(d, 0, 4) == 0;
		if (type == HF_T_TEXT && !null[i])
			texts[i] = text(d, 5);
		else if (!null[i])
			((int32_t *)(void *)texts)[i] = (int32_t)roll(d);
	}
	*a = (hf_text_array){ .has = true, .n = n, .v = texts, .null = null };
	if (n > 0) {
		a->ndim = 1;
		a->dim[0] = (int32_t)n;
		a->lower[0] = 1;
	}
}

static int64_t any_time(struct dice *d, const struct t_trait *trait)
{
	if (trait->since_us)
		return trait->since_us + between(d, 0, INT64_C(20) * 86400 * 1000000);
	return between(d, INT64_C(-2000000000) * 1000000, INT64_C(4000000000) * 1000000);
}

/* An integer: domains of the corpus that have a CHECK are years. */
static int64_t any_int(struct dice *d, const hf_column *c, int64_t low, int64_t high)
{
	if (strstr(c->sql_type, "year"))
		return between(d, 1901, 2155);
	return between(d, low, high);
}

union scalar {
	bool b;
	int16_t i2;
	int32_t i4; /* and hf_date */
	int64_t i8; /* and times */
	float f4;
	double f8;
	hf_interval iv;
	hf_uuid u;
};

static union scalar any_scalar(struct dice *d, const hf_column *c, const struct t_trait *trait)
{
	union scalar v = { 0 };

	switch ((int)c->type) {
	case HF_T_BOOL:
		v.b = between(d, 0, 1) == 1;
		break;
	case HF_T_INT2:
		v.i2 = (int16_t)any_int(d, c, INT16_MIN, INT16_MAX);
		break;
	case HF_T_INT4:
		v.i4 = (int32_t)any_int(d, c, INT32_MIN, INT32_MAX);
		break;
	case HF_T_INT8:
		v.i8 = (int64_t)roll(d);
		break;
	case HF_T_FLOAT4:
		v.f4 = (float)between(d, -1000000, 1000000) / 7;
		break;
	case HF_T_FLOAT8:
		v.f8 = (double)between(d, -1000000000, 1000000000) / 7;
		break;
	case HF_T_TIMESTAMPTZ:
	case HF_T_TIMESTAMP:
		v.i8 = any_time(d, trait);
		break;
	case HF_T_DATE:
		v.i4 = (int32_t)between(d, -100000, 100000);
		break;
	case HF_T_TIME:
		v.i8 = between(d, 0, INT64_C(86400000000)); /* 24:00 is one */
		break;
	case HF_T_INTERVAL:
		v.iv = (hf_interval){ (int32_t)between(d, -99, 99), (int32_t)between(d, -99, 99),
			between(d, INT64_C(-86400000000), INT64_C(86400000000)) };
		break;
	case HF_T_UUID:
		for (size_t i = 0; i < sizeof v.u.b; i++)
			v.u.b[i] = (uint8_t)roll(d);
		break;
	default:
		ck_abort_msg("column %s: no random value of type %s", c->name, trait->type);
	}
	return v;
}

static void set_member(struct dice *d, const hf_column *c, const struct t_trait *trait, char *at)
{
	union scalar v;

	switch ((int)c->type) {
	case HF_T_TEXT:
		*(const char **)(void *)at = any_text(d, c, trait);
		return;
	case HF_T_NUMERIC:
		*(hf_numeric *)(void *)at = any_numeric(d, c);
		return;
	case HF_T_BYTEA:
		*(hf_bytes *)(void *)at = any_bytes(d);
		return;
	case HF_T_JSON:
		*(hf_json *)(void *)at = any_json(d);
		return;
	case HF_T_TEXT | HF_T_ARRAY:
	case HF_T_INT4 | HF_T_ARRAY:
		any_array(d, c->type & ~HF_T_ARRAY, (hf_text_array *)(void *)at);
		return;
	default:
		v = any_scalar(d, c, trait);
		if (c->nullable)
			*(bool *)at = true;
		memcpy(at + (c->nullable ? trait->align : 0), &v, trait->size);
	}
}

void *t_row_new(hf_session *s, const struct t_table *t)
{
	return must_have(hf_session_alloc(s, t->t.row_size));
}

void t_row_random(hf_session *s, const struct t_table *t, void *row, bool keep_key, uint64_t *seed)
{
	struct dice d = { s, seed };

	for (size_t i = 0; i < t->t.n_columns; i++) {
		const hf_column *c = &t->columns[i];
		char *at = (char *)row + c->offset;

		if (c->generated_sql || c->serial || c->identity || (keep_key && c->key))
			continue;
		if (c->nullable && between(&d, 0, 3) == 0)
			memset(at, 0, t->traits[i].whole);
		else
			set_member(&d, c, &t->traits[i], at);
	}
}

/* --- compared --- */

static bool same_text(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool same_bytes(const hf_bytes *a, const hf_bytes *b)
{
	return !a->data == !b->data && a->len == b->len &&
	       (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}

static bool same_array(int type, const hf_text_array *a, const hf_text_array *b)
{
	if (a->has != b->has || a->n != b->n || a->ndim != b->ndim)
		return false;
	for (size_t i = 0; i < a->n; i++) {
		bool na = a->null && a->null[i], nb = b->null && b->null[i];

		if (na != nb)
			return false;
		if (na)
			continue;
		if (type == HF_T_TEXT ? !same_text(a->v[i], b->v[i])
				      : ((const int32_t *)(const void *)a->v)[i] !=
						((const int32_t *)(const void *)b->v)[i])
			return false;
	}
	return true;
}

static bool same(const hf_column *c, const struct t_trait *trait, const char *a, const char *b)
{
	switch ((int)c->type) {
	case HF_T_TEXT:
	case HF_T_NUMERIC:
	case HF_T_JSON: /* one pointer each */
		return same_text(*(const char *const *)(const void *)a,
			*(const char *const *)(const void *)b);
	case HF_T_BYTEA:
		return same_bytes((const void *)a, (const void *)b);
	case HF_T_TEXT | HF_T_ARRAY:
	case HF_T_INT4 | HF_T_ARRAY:
		return same_array(c->type & ~HF_T_ARRAY, (const void *)a, (const void *)b);
	default:
		if (!c->nullable)
			return memcmp(a, b, trait->size) == 0;
		return *(const bool *)a == *(const bool *)b &&
		       (!*(const bool *)a ||
			       memcmp(a + trait->align, b + trait->align, trait->size) == 0);
	}
}

const hf_column *t_row_differs(const struct t_table *t, const void *a, const void *b)
{
	for (size_t i = 0; i < t->t.n_columns; i++) {
		const hf_column *c = &t->columns[i];

		if (!same(c, &t->traits[i], (const char *)a + c->offset,
			    (const char *)b + c->offset))
			return c;
	}
	return NULL;
}

/* --- as values --- */

hf_value t_member(const struct t_table *t, size_t i, const void *row)
{
	const hf_column *c = &t->columns[i];
	const char *at = (const char *)row + c->offset;
	union scalar v;

	switch ((int)c->type) {
	case HF_T_TEXT:
		return hf_v_text(*(const char *const *)(const void *)at);
	case HF_T_NUMERIC:
		return hf_v_numeric(*(const hf_numeric *)(const void *)at);
	case HF_T_JSON:
		return hf_v_json(*(const hf_json *)(const void *)at);
	case HF_T_BYTEA:
		return hf_v_bytes(*(const hf_bytes *)(const void *)at);
	case HF_T_TEXT | HF_T_ARRAY:
		return hf_v_text_array((const hf_text_array *)(const void *)at);
	case HF_T_INT4 | HF_T_ARRAY:
		return hf_v_int4_array((const hf_int4_array *)(const void *)at);
	default:
		break;
	}
	if (c->nullable && !*(const bool *)at)
		return hf_v_null();
	memcpy(&v, at + (c->nullable ? t->traits[i].align : 0), t->traits[i].size);
	switch ((int)c->type) {
	case HF_T_BOOL:
		return hf_v_bool(v.b);
	case HF_T_INT2:
		return hf_v_int8(v.i2);
	case HF_T_INT4:
		return hf_v_int8(v.i4);
	case HF_T_INT8:
		return hf_v_int8(v.i8);
	case HF_T_FLOAT4:
		return hf_v_float4(v.f4);
	case HF_T_FLOAT8:
		return hf_v_float8(v.f8);
	case HF_T_TIMESTAMPTZ:
		return hf_v_timestamptz((hf_timestamptz){ v.i8 });
	case HF_T_TIMESTAMP:
		return hf_v_timestamp((hf_timestamp){ v.i8 });
	case HF_T_DATE:
		return hf_v_date((hf_date){ v.i4 });
	case HF_T_TIME:
		return hf_v_time_of_day((hf_time_of_day){ v.i8 });
	case HF_T_INTERVAL:
		return hf_v_interval(v.iv);
	case HF_T_UUID:
		return hf_v_uuid(v.u);
	default:
		ck_abort_msg("column %s: no value", c->name);
	}
}
