/* SPDX-License-Identifier: MIT */
/* The demonstration's terminal: colours only where there is one, plain ASCII where the locale has
 * no more. */
#include "demo.h"

#include <langinfo.h>
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BAR 40

static struct {
	bool tty, colours, utf8, bar_open;
	int step, checks, failures, quarter;
} ui;

void ui_start(void)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	setlocale(LC_CTYPE, "");
	ui.utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
	ui.tty = isatty(STDOUT_FILENO) && term && strcmp(term, "dumb") != 0;
	ui.colours = ui.tty && !(no && *no);
	setvbuf(stdout, NULL, _IOLBF, 0);
}

static void ink(int which)
{
	static const char *const codes[] = { "0", "1", "2", "1;31", "32", "36", "33", "35", "34",
		"93", "96", "92", "95" };
	const int n = sizeof codes / sizeof *codes;

	if (ui.colours)
		printf("\033[%sm",
			codes[which < n ? which : UI_GREEN + (which - n) % (n - UI_GREEN)]);
}

/* The nicer form of a character, where the locale has it. */
static const char *glyph(char c)
{
	static char one[2];

	if (ui.utf8)
		switch (c) {
		case '=':
			return "━";
		case '#':
			return "█";
		case '.':
			return "·";
		case '-':
			return "─";
		case '|':
			return "│";
		}
	one[0] = c;
	return one;
}

static void repeat(char c, int n)
{
	while (n-- > 0)
		fputs(glyph(c), stdout);
}

void ui_head(const char *fmt, ...)
{
	va_list ap;

	printf("\n  ");
	ink(UI_BOLD);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	ink(UI_PLAIN);
	printf("\n  ");
	ink(UI_DIM);
	repeat('-', UI_WIDTH - 2);
	ink(UI_PLAIN);
	printf("\n");
}

void ui_step(const char *title)
{
	printf("\n  ");
	ink(UI_CYAN);
	printf("%d", ++ui.step);
	ink(UI_PLAIN);
	ink(UI_BOLD);
	printf("  %s\n", title);
	ink(UI_PLAIN);
}

void ui_say(const char *fmt, ...)
{
	va_list ap;

	printf("     ");
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
}

void ui_row(int64_t ns, const char *left, const char *fmt, ...)
{
	char text[200], span[32];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	printf("     %-40s ", left);
	ink(UI_CYAN);
	printf("%-22s", text);
	ink(UI_DIM);
	if (ns >= 0)
		printf("%11s", ui_span(ns, span));
	ink(UI_PLAIN);
	printf("\n");
}

bool ui_check(bool ok, const char *fmt, ...)
{
	char text[200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	ui.checks++;
	ui.failures += !ok;
	printf("     %-67s ", text);
	ink(ok ? UI_GREEN : UI_RED);
	printf("%6s", ok ? "ok" : "FAILED");
	ink(UI_PLAIN);
	printf("\n");
	return ok;
}

int ui_failures(void)
{
	return ui.failures;
}

void ui_verdict(const char *took)
{
	printf("\n  ");
	ink(ui.failures ? UI_RED : UI_GREEN);
	if (ui.failures)
		printf("%d of %d checks failed", ui.failures, ui.checks);
	else
		printf("all %d checks passed", ui.checks);
	ink(UI_PLAIN);
	printf(" in %s\n\n", took);
}

static void progress_line(int64_t done, int64_t total, int64_t ns)
{
	char rows[32], rate[32], span[32];
	int64_t per_s = ns > 0 ? (int64_t)((double)done * 1e9 / (double)ns) : 0;

	printf("%3d %%  %9s rows  %7s/s  %7s", (int)(done * 100 / total), ui_number(done, rows),
		ui_number(per_s, rate), ui_span(ns, span));
}

/* On a terminal a bar that is drawn over itself; elsewhere a line for each quarter. */
void ui_progress(int64_t done, int64_t total, int64_t ns)
{
	int full = (int)(done * (BAR - 13) / total), quarter = (int)(done * 4 / total);

	if (!ui.tty && quarter == ui.quarter)
		return;
	ui.quarter = quarter;
	printf("%s     ", ui.tty ? "\r\033[K" : "");
	if (ui.tty) {
		ink(UI_GREEN);
		repeat('#', full);
		ink(UI_DIM);
		repeat('.', BAR - 13 - full);
		ink(UI_PLAIN);
		printf("  ");
	}
	progress_line(done, total, ns);
	if (!ui.tty || done == total)
		printf("\n");
	fflush(stdout);
}

/* --- charts --------------------------------------------------------------------------------------
 */

void ui_axis(int64_t ns)
{
	char half[32], whole[32];

	ink(UI_DIM);
	printf("     %-10s 0%*s%*s\n", "", UI_LANE / 2 + 1, ui_span(ns / 2, half), UI_LANE / 2 - 1,
		ui_span(ns, whole));
	ink(UI_PLAIN);
}

void ui_blank(ui_cell cells[UI_LANE])
{
	for (int i = 0; i < UI_LANE; i++)
		cells[i] = (ui_cell){ ' ', UI_PLAIN };
}

static int column(int64_t at, int64_t whole)
{
	int64_t c = whole > 0 ? at * UI_LANE / whole : 0;

	return c < 0 ? 0 : c > UI_LANE - 1 ? UI_LANE - 1 : (int)c;
}

void ui_fill(ui_cell cells[UI_LANE], int64_t from, int64_t to, int64_t whole, const char *text,
	int colour)
{
	int a = column(from, whole), b = column(to, whole);
	size_t last = strlen(text) - 1;

	/* The text begins the stretch, and its last character fills the rest. */
	for (int i = a; i <= b && (i < b || i == a); i++) {
		size_t at = (size_t)(i - a);

		cells[i] = (ui_cell){ text[at < last ? at : last], colour };
	}
}

void ui_lane(const char *label, const ui_cell cells[UI_LANE], const char *note)
{
	printf("     %-10s", label);
	ink(UI_DIM);
	fputs(glyph('|'), stdout);
	for (int i = 0; i < UI_LANE; i++) {
		if (i == 0 || cells[i].ink != cells[i - 1].ink) {
			ink(UI_PLAIN);
			ink(cells[i].ink);
		}
		fputs(glyph(cells[i].c), stdout);
	}
	ink(UI_PLAIN);
	ink(UI_DIM);
	printf("%s%s\n", glyph('|'), note);
	ink(UI_PLAIN);
}

/* --- numbers -------------------------------------------------------------------------------------
 */

const char *ui_number(int64_t n, char buf[32])
{
	char digits[24];
	int len = snprintf(digits, sizeof digits, "%lld", (long long)n), at = 0;

	for (int i = 0; i < len; i++) {
		if (i > 0 && (len - i) % 3 == 0 && digits[i - 1] != '-')
			buf[at++] = ',';
		buf[at++] = digits[i];
	}
	buf[at] = '\0';
	return buf;
}

const char *ui_span(int64_t ns, char buf[32])
{
	double ms = (double)ns / 1e6;

	if (ms < 0.1)
		snprintf(buf, 32, "%.0f us", ms * 1000);
	else if (ms < 10)
		snprintf(buf, 32, "%.1f ms", ms);
	else if (ms < 1000)
		snprintf(buf, 32, "%.0f ms", ms);
	else
		snprintf(buf, 32, "%.2f s", ms / 1000);
	return buf;
}
