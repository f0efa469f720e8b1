/* SPDX-License-Identifier: MIT */
/* A snapshot for people: tables with a line for each engine. */
#include "engine/snapshot.h"

#include "base/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

typedef enum how { WORD, NUMBER, MS, QUANTILE } how;

/* A column: a word about the engine, or a member of its numbers. */
struct column {
	const char *title;
	how how;
	size_t at;
	double q;
};

enum { NAME, POOL, MODE, STATE };

#define AT(m) offsetof(hf_pool_stats, m)
#define N(t, m)                                                                                    \
	{                                                                                          \
		t, NUMBER, AT(m), 0                                                                \
	}
#define HIST(m, name)                                                                              \
	{ name " p50", QUANTILE, AT(m), 0.5 }, { "p95", QUANTILE, AT(m), 0.95 },                   \
	{                                                                                          \
		"p99", QUANTILE, AT(m), 0.99                                                       \
	}
#define END                                                                                        \
	{                                                                                          \
		NULL, WORD, 0, 0                                                                   \
	}

/* clang-format off */
static const struct column now[] = {
	{ "engine", WORD, NAME, 0 }, { "mode", WORD, MODE, 0 }, { "pool", WORD, POOL, 0 },
	{ "state", WORD, STATE, 0 },
	N("conns", conns), N("of", max_conns), N("idle", idle), N("busy", busy),
	N("connecting", connecting), N("active", active), N("idle in txn", idle_in_txn),
	N("pinned", pinned), N("parked", parked), N("queued", queued),
	{ "oldest wait", MS, AT(oldest_wait_ms), 0 }, { "oldest txn", MS, AT(oldest_txn_ms), 0 },
	END
};
static const struct column done[] = {
	{ "engine", WORD, NAME, 0 },
	N("completed", completed), N("queries", queries), N("scripts", scripts),
	N("interactions", interactions), N("transactions", transactions),
	N("statements", statements), N("commits", commits), N("rollbacks", rollbacks),
	N("retries", retries),
	END
};
static const struct column bad[] = {
	{ "engine", WORD, NAME, 0 },
	N("failed", failed), N("canceled", canceled), N("rejected", rejected),
	N("wait timeouts", wait_timeouts), N("run timeouts", run_timeouts),
	N("lost", conn_losses), N("reconnects", reconnects), N("failed connects", connect_failures),
	N("expired", expired), N("unknown outcomes", outcomes_unknown),
	END
};
static const struct column times[] = {
	{ "engine", WORD, NAME, 0 },
	HIST(wait, "wait"), HIST(query, "query"), HIST(hold, "hold"),
	END
};
/* clang-format on */

/* "1.84 ms": three figures. */
static void put_duration(char *cell, size_t n, uint64_t ns)
{
	static const char *const unit[] = { "ns", "us", "ms", "s" };
	uint64_t rest = 0;
	int u = 0;

	for (; u < 3 && ns >= 1000; u++) {
		rest = ns % 1000;
		ns /= 1000;
	}
	if (u == 0 || ns >= 100)
		snprintf(cell, n, "%" PRIu64 " %s", ns, unit[u]);
	else if (ns >= 10)
		snprintf(cell, n, "%" PRIu64 ".%" PRIu64 " %s", ns, rest / 100, unit[u]);
	else
		snprintf(cell, n, "%" PRIu64 ".%02" PRIu64 " %s", ns, rest / 10, unit[u]);
}

static void put_word(char *cell, size_t n, const hf_engine_stats *e, size_t which)
{
	switch (which) {
	case NAME:
		snprintf(cell, n, "%s%s", e->name, e->is_default ? "*" : "");
		break;
	case POOL:
		snprintf(cell, n, "%s%s%s%s", e->pool, e->same_as ? " (as " : "",
			e->same_as ? e->same_as : "", e->same_as ? ")" : "");
		break;
	case MODE:
		snprintf(cell, n, "%s", hf__shown_mode(e->mode));
		break;
	default:
		snprintf(cell, n, "%s", hf__shown_state(e->state));
	}
	hf__oneline(cell);
}

static uint64_t number_at(const hf_pool_stats *s, size_t at)
{
	for (size_t i = 0; hf__metric_row_at(i); i++)
		if (hf__metric_row_at(i)->at == at)
			return hf_metric_value(s, i);
	return 0;
}

static void put_cell(char *cell, size_t n, const hf_engine_stats *e, const struct column *c)
{
	uint64_t v = c->how == WORD || c->how == QUANTILE ? 0 : number_at(e->stats, c->at);
	const hf_histogram *h = (const void *)((const char *)e->stats + c->at);

	switch (c->how) {
	case WORD:
		put_word(cell, n, e, c->at);
		break;
	case NUMBER:
		snprintf(cell, n, "%" PRIu64, v);
		break;
	case MS:
		if (v > 0)
			put_duration(cell, n, v * 1000000);
		else
			snprintf(cell, n, "-");
		break;
	case QUANTILE:
		if (h->count > 0)
			put_duration(cell, n, (uint64_t)hf_histogram_quantile(h, c->q));
		else
			snprintf(cell, n, "-");
	}
}

static int width_of(const hf_snapshot *s, const struct column *c)
{
	size_t width = strlen(c->title);
	char cell[320];

	for (size_t k = 0; k < s->n; k++) {
		put_cell(cell, sizeof cell, &s->entry[k].shown, c);
		width = strlen(cell) > width ? strlen(cell) : width;
	}
	return (int)width;
}

/* Words to the left, numbers to the right; nothing behind the last. */
static void put_padded(hf__strbuf *b, const struct column *all, const struct column *c, int width,
	const char *text)
{
	hf__strbuf_printf(b, "%s%*s", c > all ? "  " : "", c->how == WORD ? -width : width, text);
}

static void put_table(hf__strbuf *b, const hf_snapshot *s, const struct column *all)
{
	char cell[320];

	for (const struct column *c = all; c->title; c++)
		put_padded(b, all, c, width_of(s, c), c->title);
	hf__strbuf_putc(b, '\n');
	for (size_t k = 0; k < s->n; k++) {
		for (const struct column *c = all; c->title; c++) {
			put_cell(cell, sizeof cell, &s->entry[k].shown, c);
			put_padded(b, all, c, width_of(s, c), cell);
		}
		hf__strbuf_putc(b, '\n');
	}
}

char *hf_snapshot_text(const hf_snapshot *s)
{
	static const struct column *const tables[] = { now, done, bad, times };
	hf__strbuf b = HF__STRBUF_INIT;

	if (!s)
		return NULL;
	for (size_t i = 0; s->n > 0 && i < sizeof tables / sizeof *tables; i++) {
		if (i > 0)
			hf__strbuf_putc(&b, '\n');
		put_table(&b, s, tables[i]);
	}
	if (s->n == 0)
		hf__strbuf_puts(&b, "no engines\n");
	return hf__strbuf_take(&b);
}
