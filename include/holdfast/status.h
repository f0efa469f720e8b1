/* SPDX-License-Identifier: MIT */
/* What a call answers (hf_status, to switch on) and why (hf_error, the story).
 *
 * An error lives on the thing that failed: a future, an interaction's connection, a transaction. It
 * is immutable and may be read from any thread. There is no thread-local state. */
#ifndef HOLDFAST_STATUS_H
#define HOLDFAST_STATUS_H

#include <holdfast/base.h>

HF__BEGIN

typedef enum hf_status {
	HF_OK = 0,
	HF_PENDING,     /* only from waiting calls and cancel: not finished yet, the work goes on */
	HF_E_MISUSE,    /* a broken contract: NULL, wrong state, wrong thread, unknown option */
	HF_E_NOMEM,     /* no memory, or no thread could be started */
	HF_E_CLOSED,    /* the pool is closing or closed */
	HF_E_BUSY,      /* the queue is full, or no connection came free within acquire_ms */
	HF_E_TIMEOUT,   /* the work itself ran out of time; the server was told to stop */
	HF_E_CANCELED,  /* the work was cancelled */
	HF_E_DEADLOCK,  /* waiting here could never end: a worker waits for its own pool */
	HF_E_CONNECT,   /* no connection could be made */
	HF_E_CONN_LOST, /* the connection broke while it was needed */
	HF_E_SQL,       /* the server said no: see hf_error_sqlstate() */
	HF_E_NO_ROWS,   /* a row was needed and there is none */
	HF_E_TYPE,      /* column and destination do not fit, or the value is out of range */
	HF_E_NULL,      /* SQL NULL read into a destination that cannot hold it */
	HF_E_TXN_ENDED, /* committed, rolled back or expired: the error says which */
	HF_E_USER,      /* an interaction failed for its own reasons: hf_fail() */
	HF_E_FORKED,    /* this process is a fork: the object belongs to its parent */
	HF_E_TOO_LARGE, /* a limit on size was exceeded; the error names it */
	HF_E_PARK_LIMIT, /* max_parked transactions are parked already */
	HF_E_MANY_ROWS,  /* one row was needed and there are more */
	HF_E_STALE,      /* the row was changed by another since it was read: see hf_stale */
} hf_status;

/* Traits of an error, to be or-ed. */
enum {
	HF_RETRYABLE = 1 << 0,       /* surely nothing was committed; the same may succeed now */
	HF_MAYBE_COMMITTED = 1 << 1, /* the link broke after the work was sent: outcome unknown */
	HF_CONNECTION = 1 << 2,      /* the connection is gone, or could not be made */
	HF_INTEGRITY = 1 << 3, /* unique, foreign key, check, not null, exclusion (class 23) */
	HF_COMMITTED = 1 << 4, /* the work was committed, only its answer was lost */
};

typedef enum hf_field_id {
	HF_ERR_SEVERITY, /* ERROR, FATAL or PANIC, never translated */
	HF_ERR_DETAIL,   /* may contain values of rows: for the operator, not for end users */
	HF_ERR_HINT,
	HF_ERR_SCHEMA,
	HF_ERR_TABLE,
	HF_ERR_COLUMN,
	HF_ERR_DATATYPE,
	HF_ERR_CONSTRAINT,
	HF_ERR_QUERY, /* the SQL text, without parameter values */
	HF_ERR_CONTEXT,
	HF_ERR_SITE, /* "file.c:42": where the work was submitted */
} hf_field_id;

typedef struct hf_error hf_error;

/* Every accessor accepts NULL and then describes success. Texts are lent by the error. */
HF_API hf_status hf_error_status(const hf_error *e);
HF_API const char *hf_error_message(const hf_error *e); /* one line, never NULL, never a secret */
HF_API const char *hf_error_sqlstate(
	const hf_error *e); /* five characters; "" if no server spoke */
HF_API const char *hf_error_field(const hf_error *e, hf_field_id id); /* NULL when not given */
HF_API int hf_error_position(const hf_error *e); /* 1-based character of HF_ERR_QUERY; 0: unknown */
HF_API bool hf_error_is(const hf_error *e, unsigned any_of_traits);

/* A further reference to `e`, for keeping it beyond the object that lent it. */
HF_OWNED hf_error *hf_error_ref(const hf_error *e);
HF_API hf_error *hf_error_unref(hf_error *e);

/* An error of your own, for wrappers and adapters that answer as holdfast does: one line of text,
 * without secrets. Never NULL: without memory, or for HF_OK and HF_PENDING, it is another error
 * that says so. */
HF_OWNED hf_error *hf_error_make(hf_status st, const char *fmt, ...) HF_PRINTF(2);

/* "HF_E_BUSY" for HF_E_BUSY; "HF_?" for a number that is no status. Lent for ever. */
HF_API const char *hf_status_name(hf_status st);

HF__END

#endif
