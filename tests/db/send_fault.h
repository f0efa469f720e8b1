/* SPDX-License-Identifier: MIT */
/* A kernel that does not take what libpq sends, from some send on. In one file of a program: send()
 * is defined here. */
#ifndef HF_TESTS_SEND_FAULT_H
#define HF_TESTS_SEND_FAULT_H

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct {
	pthread_mutex_t lock;
	/* guarded by lock */
	bool armed;
	int fd;      /* of the link it is meant for, which is the first that sends; -1 */
	int passes;  /* so many sends of it get through */
	size_t most; /* of so many bytes each */
	int error;   /* 0: the rest vanishes without a word, as it does behind encryption */
	int sends;   /* of it, since it was armed */
} fault = { .lock = PTHREAD_MUTEX_INITIALIZER };

/* The first words of another session, that has got the number of the one before. */
static bool is_startup(const void *data, size_t n)
{
	return n >= 8 && memcmp((const char *)data + 4, "\0\3\0\0", 4) == 0;
}

static bool strikes_locked(int fd, const void *data, size_t n)
{
	if (fault.armed && fault.fd == fd && is_startup(data, n))
		fault.armed = false;
	if (!fault.armed || (fault.fd >= 0 && fault.fd != fd))
		return false;
	fault.fd = fd;
	return fault.sends++ >= fault.passes;
}

/* libpq finds this before the C library's. */
__attribute__((visibility("default"))) ssize_t send(int fd, const void *data, size_t n, int flags)
{
	bool strikes;
	int error;

	pthread_mutex_lock(&fault.lock);
	strikes = strikes_locked(fd, data, n);
	error = fault.error;
	if (fault.armed && fault.fd == fd && n > fault.most)
		n = fault.most;
	pthread_mutex_unlock(&fault.lock);
	if (!strikes)
		return syscall(SYS_sendto, fd, data, n, flags, NULL, 0);
	if (error == 0)
		return (ssize_t)n;
	errno = error;
	return -1;
}

static inline void arm_pieces(int passes, int error, size_t most)
{
	pthread_mutex_lock(&fault.lock);
	fault.armed = true;
	fault.fd = -1;
	fault.passes = passes;
	fault.most = most;
	fault.error = error;
	fault.sends = 0;
	pthread_mutex_unlock(&fault.lock);
}

static inline void arm(int passes, int error)
{
	arm_pieces(passes, error, SIZE_MAX);
}

/* Answers how many sends there were. */
static inline int disarm(void)
{
	int n;

	pthread_mutex_lock(&fault.lock);
	fault.armed = false;
	n = fault.sends;
	pthread_mutex_unlock(&fault.lock);
	return n;
}

#endif
