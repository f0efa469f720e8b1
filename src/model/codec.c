/* SPDX-License-Identifier: MIT */
/* Members that travel as text which has to be made: types with a codec, and arrays of enums. */
#include "model/plan.h"

#include "pq/result.h"

#include "value/error.h"
#include "value/text.h"

#include <string.h>

struct hf_room {
	hf__lend_fn *alloc;
	void *owner;
};

void *hf_room_alloc(hf_room *room, size_t n)
{
	void *p = room ? room->alloc(room->owner, n > 0 ? n : 1) : NULL;

	return p ? memset(p, 0, n) : NULL;
}

static void *of_arena(void *arena, size_t n)
{
	return hf__arena_alloc(arena, n);
}

bool hf__column_is_made(const hf_column *c)
{
	return c->codec || (c->labels && (c->type & HF_T_ARRAY));
}

/* --- writing --- */

hf_status hf__list_value(const hf_column *c, int tag, const void *array, hf__arena *arena,
	hf_value *out, hf_error **e)
{
	hf__strbuf b = HF__STRBUF_INIT;
	const char *why = hf__put_array(&b, tag, array);
	char *text = why || b.failed ? NULL : hf__arena_alloc(arena, b.n + 1);

	if (text)
		memcpy(text, hf__strbuf_text(&b), b.n + 1);
	else
		*e = why ? hf__error_fmt(HF_E_TYPE, 0, "column \"%s\": %s", c->name, why)
			 : hf__error_nomem();
	hf__strbuf_finish(&b);
	*out = hf_v_text(text);
	return *e ? hf_error_status(*e) : HF_OK;
}

hf_status hf__labels_value(const hf_column *c, const hf_int4_array *values, hf__arena *arena,
	hf_value *out, hf_error **e)
{
	const char **label = hf__arena_alloc(arena, (values->n + 1) * sizeof *label);
	hf_text_array texts;

	for (size_t i = 0; label && !*e && i < values->n; i++)
		if (!values->null || !values->null[i])
			label[i] = hf__label_of(c, values->v[i], e);
		else
			label[i] = NULL;
	if (!label)
		*e = hf__error_nomem();
	if (*e)
		return hf_error_status(*e);
	memcpy(&texts, values, sizeof texts); /* all arrays have one layout */
	texts.v = label;
	return hf__list_value(c, HF_T_TEXT, &texts, arena, out, e);
}

hf_status hf__made_value(
	const hf_column *c, const void *member, hf__arena *arena, hf_value *out, hf_error **e)
{
	hf_room room = { of_arena, arena };
	const hf_int4_array *values = member;
	const char *text = NULL;
	hf_status st;

	*out = hf_v_null();
	if (!c->codec)
		return values->has ? hf__labels_value(c, values, arena, out, e) : HF_OK;
	st = c->codec->write(member, &text, &room);
	if (st == HF_OK)
		*out = hf_v_text(text);
	else
		*e = hf__error_fmt(st, 0, "column \"%s\": the codec of %s cannot write it", c->name,
			c->sql_type);
	return st;
}

/* --- copying --- */

/* By way of its text: what it points to, nobody else knows. */
hf_error *hf__made_copy(const hf_column *c, void *member, hf__arena *arena)
{
	hf_room room = { of_arena, arena };
	hf_error *e = NULL;
	hf_value v;

	if (hf__made_value(c, member, arena, &v, &e) != HF_OK || v.type == HF_T_NULL)
		return e;
	if (c->codec->read(v.as.s, member, &room) == HF_OK)
		return NULL;
	return hf__error_fmt(HF_E_TYPE, 0, "column \"%s\": the codec of %s cannot read \"%.63s\"",
		c->name, c->sql_type, v.as.s);
}

/* --- reading --- */

static hf_error *unknown_label(const hf_labels *l, const char *label)
{
	return hf__error_fmt(HF_E_TYPE, 0,
		"enum %s has a label here that the program does not know: \"%.63s\"", l->sql_type,
		label);
}

static hf_error *read_labels(const hf_column *c, hf_row row, int at, hf_int4_array *out)
{
	hf_text_array texts = { .has = false };
	hf_error *e = NULL;
	int32_t *v;

	if (hf__result_read(row, at, HF_TO(&texts), &e) != HF_OK)
		return e;
	memcpy(out, &texts, sizeof *out);
	v = hf__result_room((hf_result *)(uintptr_t)row.res, (texts.n + 1) * sizeof *v);
	if (!v)
		return hf__error_nomem();
	for (size_t i = 0; i < texts.n; i++) {
		bool none = texts.null && texts.null[i];

		v[i] = none ? 0 : hf__label_value(c->labels, texts.v[i]);
		if (v[i] < 0)
			return unknown_label(c->labels, texts.v[i]);
	}
	out->v = v;
	return NULL;
}

hf_error *hf__made_read(const hf_column *c, hf_row row, int at, void *member)
{
	hf_room room = { hf__result_room, (void *)(uintptr_t)row.res };
	const char *text;
	hf_status st;

	if (hf_row_is_null(row, at) && !c->nullable)
		return hf__error_fmt(HF_E_NULL, 0, "it is NULL, and NOT_NULL in the model");
	if (!c->codec)
		return read_labels(c, row, at, member);
	text = hf_row_text(row, at);
	if (!text && !hf_row_is_null(row, at))
		return hf__error_fmt(HF_E_TYPE, 0, "%s did not come as text: select it with ::text",
			c->sql_type);
	st = c->codec->read(text, member, &room);
	return st == HF_OK ? NULL
			   : hf__error_fmt(st, 0, "the codec of %s cannot read \"%.63s\"",
				     c->sql_type, text ? text : "");
}
