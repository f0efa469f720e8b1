/* SPDX-License-Identifier: MIT */
/* Threads of the library: named, with every signal blocked, and with an identity. */
#include "base/thread.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>

static _Thread_local const void *my_domain;
static _Thread_local enum hf__role my_role;
static atomic_long fail_in;

void hf__thread_fail(long n)
{
	atomic_store(&fail_in, n);
}

bool hf__thread_start(pthread_t *t, const char *name, void *(*run)(void *), void *arg)
{
	sigset_t all, old;
	char shown[16];
	int rc;

	if (atomic_load(&fail_in) > 0 && atomic_fetch_sub(&fail_in, 1) == 1)
		return false;
	/* The new thread inherits the mask: signals stay with the threads of the program. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	rc = pthread_create(t, NULL, run, arg);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (rc != 0)
		return false;
	snprintf(shown, sizeof shown, "%s", name);
	pthread_setname_np(*t, shown);
	return true;
}

void hf__thread_serve(const void *domain, enum hf__role role)
{
	my_domain = domain;
	my_role = role;
}

enum hf__role hf__thread_role(const void *domain)
{
	return domain && my_domain == domain ? my_role : HF__ROLE_NONE;
}
