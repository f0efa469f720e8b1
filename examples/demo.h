/* SPDX-License-Identifier: MIT */
/* The demonstration: its scenes, and how they speak to a terminal of 80 columns. */
#ifndef DEMO_H
#define DEMO_H

#include <holdfast.h>

#define DEMO_CONNS 8
#define DEMO_ROWS  1000000

/* --- scenes: each is one step of the story
 * -------------------------------------------------------- */
bool demo_load(hf_pool *p); /* false: what follows makes no sense */
void demo_queries(hf_pool *p);
void demo_interaction(hf_pool *p);
void demo_fifty(hf_pool *p);
void demo_cancel(hf_pool *p);
void demo_row_lock(hf_pool *p);
void demo_park(hf_pool *p);

/* Waits for `f`, counts a failure where it failed, and lets go of it. */
bool demo_done(hf_future *f, const char *what);

/* The first column of the first row as a number; -1 where there is none. */
int64_t demo_number(hf_future *f, const char *what);

/* --- the terminal
 * --------------------------------------------------------------------------------- */
enum { UI_WIDTH = 78, UI_LANE = 52 };

typedef enum ui_ink { UI_PLAIN, UI_BOLD, UI_DIM, UI_RED, UI_GREEN, UI_CYAN } ui_ink;

/* One column of a lane. `ink` may exceed the names above: further colours, in turn. */
typedef struct ui_cell {
	char c;
	int ink;
} ui_cell;

void ui_start(void);
void ui_head(const char *fmt, ...) HF_PRINTF(1);
void ui_step(const char *title);
void ui_say(const char *fmt, ...) HF_PRINTF(1);
void ui_row(int64_t ns, const char *left, const char *fmt, ...) HF_PRINTF(3); /* ns < 0: no time */
bool ui_check(bool ok, const char *fmt, ...) HF_PRINTF(2);
void ui_verdict(const char *took);
int ui_failures(void);
void ui_progress(int64_t done, int64_t total, int64_t ns);

/* A chart: an axis and lanes under it. Lanes are drawn on cells that are blank until filled. */
void ui_axis(int64_t ns);
void ui_blank(ui_cell cells[UI_LANE]);
void ui_fill(
	ui_cell cells[UI_LANE], int64_t from, int64_t to, int64_t whole, const char *text, int ink);
void ui_lane(const char *label, const ui_cell cells[UI_LANE], const char *note);

const char *ui_number(int64_t n, char buf[32]); /* "1,000,000" */
const char *ui_span(int64_t ns, char buf[32]);  /* "3.2 ms", "1.25 s" */

#endif
