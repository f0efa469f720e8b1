/* SPDX-License-Identifier: MIT */
/* A snapshot in the text format of Prometheus, version 0.0.4. Numbers are written from integers, so
 * that no locale has a say in it, and bounds are exact. */
#include "engine/snapshot.h"

#include <inttypes.h>
#include <string.h>

/* Histograms have their bounds for Prometheus: one for each doubling. */
#define FIRST_BOUND 14 /* 2^14 ns */
#define LAST_BOUND  39

static void put_escaped(hf__strbuf *b, const char *text)
{
	for (; *text; text++) {
		if (*text == '\n') {
			hf__strbuf_puts(b, "\\n");
			continue;
		}
		if (*text == '\\' || *text == '"')
			hf__strbuf_putc(b, '\\');
		hf__strbuf_putc(b, *text);
	}
}

static void put_label(hf__strbuf *b, const char *name, const char *value)
{
	hf__strbuf_printf(b, "%s=\"", name);
	put_escaped(b, value);
	hf__strbuf_putc(b, '"');
}

/* value / per_second, without trailing zeros. */
static void put_number(hf__strbuf *b, uint64_t value, int64_t per_second)
{
	uint64_t unit = (uint64_t)per_second, rest = value % unit;

	hf__strbuf_printf(b, "%" PRIu64, value / unit);
	if (rest == 0)
		return;
	hf__strbuf_putc(b, '.');
	for (; rest > 0; rest = rest * 10 % unit)
		hf__strbuf_putc(b, (char)('0' + rest * 10 / unit));
}

static void put_head(hf__strbuf *b, const char *family, const char *help, const char *type)
{
	hf__strbuf_printf(b, "# HELP holdfast_%s ", family);
	put_escaped(b, help);
	hf__strbuf_printf(b, ".\n# TYPE holdfast_%s %s\n", family, type);
}

/* holdfast_x{engine="…" */
static void put_name(
	hf__strbuf *b, const char *family, const char *suffix, const hf_engine_stats *e)
{
	hf__strbuf_printf(b, "holdfast_%s%s{", family, suffix);
	put_label(b, "engine", e->name);
}

static void put_sample(hf__strbuf *b, const hf__metric_row *r, const char *suffix,
	const hf_engine_stats *e, uint64_t value, int64_t per_second)
{
	put_name(b, r->family, suffix, e);
	if (r->label)
		hf__strbuf_printf(b, ",%s", r->label);
	hf__strbuf_puts(b, "} ");
	put_number(b, value, per_second);
	hf__strbuf_putc(b, '\n');
}

static void put_bucket(
	hf__strbuf *b, const hf__metric_row *r, const hf_engine_stats *e, int power, uint64_t count)
{
	put_name(b, r->family, "_bucket", e);
	hf__strbuf_puts(b, ",le=\"");
	if (power > LAST_BOUND)
		hf__strbuf_puts(b, "+Inf");
	else
		put_number(b, (uint64_t)1 << power, 1000000000);
	hf__strbuf_printf(b, "\"} %" PRIu64 "\n", count);
}

static void put_histogram(
	hf__strbuf *b, const hf__metric_row *r, const hf_engine_stats *e, const hf_histogram *h)
{
	uint64_t count = 0;
	size_t i = 0;

	for (int power = FIRST_BOUND; power <= LAST_BOUND; power++) {
		while (hf_histogram_bound(i) <= (int64_t)1 << power)
			count += h->bucket[i++];
		put_bucket(b, r, e, power, count);
	}
	put_bucket(b, r, e, LAST_BOUND + 1, h->count);
	put_sample(b, r, "_sum", e, h->sum_ns, r->per_second);
	put_sample(b, r, "_count", e, h->count, 1);
}

static void put_row(hf__strbuf *b, const hf_snapshot *s, size_t i, const hf__metric_row *r)
{
	for (size_t k = 0; k < s->n; k++) {
		const hf_engine_stats *e = &s->entry[k].shown;
		const hf_histogram *h = hf_metric_histogram(e->stats, i);

		if (e->same_as)
			continue;
		if (h)
			put_histogram(b, r, e, h);
		else
			put_sample(b, r, "", e, hf_metric_value(e->stats, i), r->per_second);
	}
}

static const char *type_of(hf_metric_kind kind)
{
	switch (kind) {
	case HF_METRIC_GAUGE:
		return "gauge";
	case HF_METRIC_COUNTER:
		return "counter";
	case HF_METRIC_HISTOGRAM:
		break;
	}
	return "histogram";
}

static void put_info(hf__strbuf *b, const hf_engine_stats *e)
{
	put_name(b, "engine_info", "", e);
	hf__strbuf_putc(b, ',');
	put_label(b, "pool", e->pool);
	hf__strbuf_putc(b, ',');
	put_label(b, "mode", hf__shown_mode(e->mode));
	hf__strbuf_putc(b, ',');
	put_label(b, "default", e->is_default ? "true" : "false");
	hf__strbuf_putc(b, ',');
	put_label(b, "same_as", e->same_as ? e->same_as : "");
	hf__strbuf_puts(b, "} 1\n");
}

static void put_engines(hf__strbuf *b, const hf_snapshot *s)
{
	put_head(b, "engine_info", "the engines, and the pools that they are", "gauge");
	for (size_t k = 0; k < s->n; k++)
		put_info(b, &s->entry[k].shown);
	put_head(b, "engine_open", "whether the engine takes work", "gauge");
	for (size_t k = 0; k < s->n; k++) {
		put_name(b, "engine_open", "", &s->entry[k].shown);
		hf__strbuf_printf(b, "} %d\n", s->entry[k].shown.state == HF_POOL_OPEN);
	}
}

char *hf_snapshot_prometheus(const hf_snapshot *s)
{
	const hf__metric_row *r, *before = NULL;
	hf__strbuf b = HF__STRBUF_INIT;

	if (!s)
		return NULL;
	if (s->n > 0)
		put_engines(&b, s);
	for (size_t i = 0; s->n > 0 && (r = hf__metric_row_at(i)) != NULL; i++) {
		if (!r->family)
			continue;
		if (!before || strcmp(before->family, r->family) != 0)
			put_head(&b, r->family, r->family_help ? r->family_help : r->shown.help,
				type_of(r->shown.kind));
		put_row(&b, s, i, r);
		before = r;
	}
	if (!b.s)
		hf__strbuf_puts(&b, "# no engines\n");
	return hf__strbuf_take(&b);
}
