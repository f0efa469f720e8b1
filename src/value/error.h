/* SPDX-License-Identifier: MIT */
/* Making errors. They never fail to be made: without memory the answer is a static HF_E_NOMEM. */
#ifndef HF_VALUE_ERROR_H
#define HF_VALUE_ERROR_H

#include <holdfast/status.h>

#include <stdarg.h>

#define HF__ERR_FIELDS (HF_ERR_SITE + 1)

/* What an error is made of; everything is copied. Zero what is not known. */
typedef struct hf__error_spec {
	hf_status status;
	unsigned traits;
	const char *sqlstate;
	const char *message;
	const char *field[HF__ERR_FIELDS];
	const hf_site *site;
	int position;
} hf__error_spec;

/* Never NULL; yours to unref. Messages become one line. */
hf_error *hf__error_new(const hf__error_spec *spec);
hf_error *hf__error_fmt(hf_status st, unsigned traits, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
hf_error *hf__error_vfmt(hf_status st, unsigned traits, const char *fmt, va_list ap)
	__attribute__((format(printf, 3, 0)));

/* The error again, with traits, a query text or a site added where it has none. Consumes `e`. */
hf_error *hf__error_at(hf_error *e, unsigned more_traits, const char *query, const hf_site *site);

/* Another error of which `why` is the reason: with its SQLSTATE, its fields and its traits, and
 * more of them. */
hf_error *hf__error_because(hf_status st, unsigned more_traits, const hf_error *why,
	const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* The same error in other words. A static one, and where there is no memory: HF_E_NOMEM. */
hf_error *hf__error_reworded(const hf_error *e, const char *message);

/* Takes traits from an error that nobody else has seen yet. */
hf_error *hf__error_without(hf_error *e, unsigned traits);

/* The error again with another message, and traits added and taken. Consumes `e`, which `fmt` may
 * quote; without memory for it, the traits count more than the story. */
hf_error *hf__error_amend(hf_error *e, unsigned more_traits, unsigned less_traits, const char *fmt,
	...) __attribute__((format(printf, 4, 5)));

/* HF_E_MISUSE of a call on a thread that may not block. */
hf_error *hf__error_blocking(const char *call);

/* Static errors: no memory needed, unref does nothing. */
hf_error *hf__error_nomem(void);
hf_error *hf__error_forked(void);

/* Gives `e` to the caller's out-parameter, or lets go of it where there is none; answers its
 * status. */
hf_status hf__error_give(hf_error *e, hf_error **out);

/* sqlstate.c: what a SQLSTATE says of itself. */
hf_status hf__sqlstate_status(const char *sqlstate);
unsigned hf__sqlstate_traits(const char *sqlstate);
bool hf__sqlstate_permanent(
	const char *sqlstate); /* at connect: trying again with these settings is useless */

#endif
