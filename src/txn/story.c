/* SPDX-License-Identifier: MIT */
/* What became of a global transaction, in words. */
#include "txn/global.h"

#include "value/error.h"

static const char *fate_text(hf__fate fate)
{
	switch (fate) {
	case HF__FATE_OPEN:
	case HF__FATE_ROLLED_BACK:
		return "rolled back";
	case HF__FATE_COMMITTED:
		return "committed";
	case HF__FATE_PREPARED:
		return "prepared";
	case HF__FATE_UNKNOWN:
		return "its outcome is unknown";
	case HF__FATE_LEFT:
		break;
	}
	return "may be left prepared";
}

static void put_name(hf__strbuf *b, const hf_global *g)
{
	if (g->scope) {
		hf__strbuf_printf(b, "scope \"%s\" ", g->scope);
		return;
	}
	hf__strbuf_puts(b, "the global transaction ");
	if (g->label[0])
		hf__strbuf_printf(b, "\"%s\" ", g->label);
}

static void put_branch(hf__strbuf *b, const hf_global *g, const hf__branch *br)
{
	char name[200];

	hf__strbuf_printf(
		b, "; %s %s", hf__branch_name(g, br, name, sizeof name), fate_text(br->fate));
	if (br->fate == HF__FATE_LEFT)
		hf__strbuf_printf(b, " as '%s'", br->gid);
	if (br->why && br->fate != HF__FATE_COMMITTED)
		hf__strbuf_printf(b, ": %s", hf_error_message(br->why));
}

/* Whether the end is not the same everywhere, or not known. */
static bool is_uneven(const hf_global *g)
{
	const hf__branch *b;

	APR_RING_FOREACH (b, &g->branches, hf__branch, link) {
		if (b->fate == HF__FATE_UNKNOWN || b->fate == HF__FATE_LEFT)
			return true;
		if (hf__branch_wrote(b) && (b->fate == HF__FATE_COMMITTED) != g->decided)
			return true;
	}
	return false;
}

static const char *summary(const hf_global *g)
{
	const hf__branch *b;

	if (g->decided)
		return "was committed in part";
	APR_RING_FOREACH (b, &g->branches, hf__branch, link)
		if (b->fate == HF__FATE_UNKNOWN || b->fate == HF__FATE_COMMITTED)
			return "may have been committed in part";
	return "was not committed, but not all of it could be rolled back";
}

/* The parts' own reasons stand behind each. */
static hf_error *uneven(const hf_global *g, hf_error *e)
{
	hf__strbuf text = HF__STRBUF_INIT;
	const hf__branch *b;
	hf_error *all;

	put_name(&text, g);
	hf__strbuf_puts(&text, summary(g));
	APR_RING_FOREACH (b, &g->branches, hf__branch, link)
		put_branch(&text, g, b);
	if (text.failed)
		all = hf__error_at(hf__error_nomem(), HF_MAYBE_COMMITTED, NULL, NULL);
	else
		all = hf__error_new(&(hf__error_spec){ .status = hf_error_status(e),
			.traits = HF_MAYBE_COMMITTED |
				  (hf_error_is(e, HF_CONNECTION) ? HF_CONNECTION : 0u),
			.sqlstate = hf_error_sqlstate(e),
			.message = hf__strbuf_text(&text) });
	hf__strbuf_finish(&text);
	hf_error_unref(e);
	return hf__error_at(all, HF_MAYBE_COMMITTED, NULL, NULL);
}

static hf_error *rolled_back(const hf_global *g, hf_error *e)
{
	hf__strbuf text = HF__STRBUF_INIT;
	hf_error *all = NULL;

	put_name(&text, g);
	hf__strbuf_printf(&text, "was rolled back: %s", hf_error_message(e));
	if (!text.failed)
		all = hf__error_reworded(e, hf__strbuf_text(&text));
	hf__strbuf_finish(&text);
	if (hf_error_status(all) != hf_error_status(e)) {
		hf_error_unref(all);
		return e; /* without memory, the bare reason */
	}
	/* Where a lost answer made it doubtful, it has been found out since. */
	if (hf_error_is(e, HF_MAYBE_COMMITTED))
		all = hf__error_at(
			hf__error_without(all, HF_MAYBE_COMMITTED), HF_RETRYABLE, NULL, NULL);
	hf_error_unref(e);
	return all;
}

hf_error *hf__global_story(const hf_global *g, hf_error *e)
{
	if (!e)
		return NULL;
	return is_uneven(g) ? uneven(g, e) : rolled_back(g, e);
}
